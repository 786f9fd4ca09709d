from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.spec.merge import merged

KEYS = st.sampled_from("abc")
TREES = st.dictionaries(
    KEYS, st.recursive(st.integers() | st.lists(st.integers()), lambda x: st.dictionaries(KEYS, x)), max_size=3
)
# The same shape everywhere: a and b are values, m and n are mappings.
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers(),
        "b": st.lists(st.integers(), max_size=2),
        "m": st.fixed_dictionaries(
            {}, optional={"a": st.integers(), "n": st.dictionaries(KEYS, st.integers(), max_size=3)}
        ),
    },
)


@given(TREES)
def test_nothing_changes_nothing_on_either_side(tree: dict[str, Any]) -> None:
    assert merged({}, tree) == tree
    assert merged(tree, {}) == tree
    assert merged(tree, tree) == tree


@given(SHAPED, SHAPED, SHAPED)
def test_merging_is_associative_where_shapes_agree(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@given(TREES, TREES)
def test_neither_side_is_changed_and_the_upper_one_wins(under: dict[str, Any], over: dict[str, Any]) -> None:
    before = copy.deepcopy((under, over))
    result = merged(under, over)
    assert (under, over) == before
    assert result.keys() == under.keys() | over.keys()
    for key, value in over.items():
        if not isinstance(value, dict):
            assert result[key] == value


def test_lists_are_replaced_whole_and_mappings_merged_by_key() -> None:
    under = {"config": {"env": {"A": "1", "B": "2"}, "capDrop": ["ALL"]}}
    over = {"config": {"env": {"B": "3"}, "capDrop": []}}
    assert merged(under, over) == {"config": {"env": {"A": "1", "B": "3"}, "capDrop": []}}
