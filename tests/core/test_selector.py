"""Which targets something is for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.selector import (
    LabelCondition,
    Selector,
    TargetFacts,
    assigned,
    read_selector,
    selected,
)

LABELS = st.dictionaries(st.sampled_from(["zone", "tier"]), st.sampled_from(["a", "b"]))
FLEET = (
    TargetFacts("host-b", {"zone": "a", "tier": "front"}),
    TargetFacts("host-a", {"zone": "a"}),
    TargetFacts("host-c", {"zone": "b"}),
    TargetFacts("host-d"),
)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"target": "host-c"}, ("host-c",)),
        ({"target": "host-x"}, ()),
        ({"names": ["host-c", "host-a", "host-x"]}, ("host-a", "host-c")),
        ({"names": ["host-c", "host-a"], "matchLabels": {"zone": "b"}}, ("host-c",)),
        ({"matchLabels": {"zone": "a"}}, ("host-a", "host-b")),
        ({"matchLabels": {"zone": "a", "tier": "front"}}, ("host-b",)),
        ({"target": "host-a", "matchLabels": {"zone": "b"}}, ()),
        (
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]},
            ("host-a", "host-b", "host-c"),
        ),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, ("host-c", "host-d")),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, ("host-b",)),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, ("host-d",)),
    ],
)
def test_a_selector_names_targets_or_their_labels(value: Any, names: tuple[str, ...]) -> None:
    selector = read_selector(value)
    assert selected(FLEET, selector) == names
    for target in FLEET:
        assert assigned(target.name, target.labels, {"web": selector}) == (
            ("web",) if target.name in names else ()
        )


def test_a_selector_without_a_condition_fits_nothing() -> None:
    assert selected(FLEET, Selector()) == ()


def test_of_a_target_whose_labels_are_not_known_yet_only_its_name_counts() -> None:
    unknown = TargetFacts("host-a", None)
    for expression in ({"operator": "NotIn", "values": ["a"]}, {"operator": "DoesNotExist"}):
        assert selected([unknown], read_selector({"matchExpressions": [{"key": "zone", **expression}]})) == ()
    assert selected([unknown], read_selector({"names": ["host-a"], "matchLabels": {"zone": "a"}})) == ()
    assert selected([unknown], read_selector({"target": "host-a"})) == ("host-a",)


@given(LABELS, st.sampled_from(["zone", "tier"]), st.frozensets(st.sampled_from(["a", "b"]), min_size=1))
def test_each_condition_has_its_opposite(labels: dict[str, str], key: str, values: frozenset[str]) -> None:
    assert LabelCondition(key, "In", values).holds(labels) != LabelCondition(key, "NotIn", values).holds(labels)
    assert LabelCondition(key, "Exists").holds(labels) != LabelCondition(key, "DoesNotExist").holds(labels)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "a selector must be a mapping"),
        ({}, "names a target or at least one label"),
        ({"matchLabels": {}}, "names a target or at least one label"),
        ({"labels": {}}, r"unknown keys \(labels\); allowed: target, names, matchLabels"),
        ({"target": ""}, "target must be a text"),
        ({"names": []}, "names a target or at least one label"),
        ({"names": "host-a"}, "names must be a list"),
        ({"names": ["host-a", ""]}, r"names\[1\] must be a text"),
        ({"names": ["host-a"], "target": "host-a"}, "either target or names"),
        ({"matchLabels": {"zone": 1}}, "matchLabels.zone must be a text"),
        ({"matchLabels": ["zone"]}, "matchLabels must be a mapping"),
        ({"matchExpressions": {}}, "matchExpressions must be a list"),
        ({"matchExpressions": ["zone"]}, r"matchExpressions\[0\] must be a mapping"),
        ({"matchExpressions": [{"operator": "Exists"}]}, r"\[0\].key must be a text"),
        ({"matchExpressions": [{"key": "zone", "operator": "in"}]}, "operator must be one of In, NotIn"),
        ({"matchExpressions": [{"key": "zone", "operator": "In"}]}, "In has at least one value"),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": "a"}]}, "In has at least one value"),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": [1]}]}, "values must be a text"),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists", "values": ["a"]}]}, "Exists has no values"),
    ],
)
def test_what_is_wrong_with_a_selector_is_told_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_selector(value)
