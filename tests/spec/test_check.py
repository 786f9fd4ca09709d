from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import DesiredState, SourceLocation
from reconciler.spec.check import conflicts, for_target, overlap
from tests.spec.texts import desired


def told(*documents: DesiredState, known: tuple[str, ...] = ()) -> list[str]:
    return [f"{item.document.name}: {item.message}" for item in conflicts(documents, known=known)]


def waiting(name: str, *others: str) -> DesiredState:
    return desired(name=name, dependsOn=[{"name": other} for other in others])


def test_documents_that_share_nothing_have_no_conflicts() -> None:
    one = desired({"ports": ["8080:80", "9000"]})
    two = desired({"ports": ["8081:80", "9000", "8080:80/udp"]}, name="api", dependsOn=[{"name": "web"}])
    assert told(one, two) == []


def test_one_name_twice_refuses_both_and_says_where_the_other_is() -> None:
    one = replace(desired(), source=SourceLocation("a.yaml", 1))
    two = replace(desired({"containerName": "web2"}, sticker={"path": "/x"}), source=SourceLocation("b.yaml", 9))
    assert told(one, two) == [
        'web: the name is also used by "web" (b.yaml:9)',
        'web: the name is also used by "web" (a.yaml:1)',
    ]


def test_container_names_that_differ_in_case_only_are_one_name() -> None:
    assert told(desired({"containerName": "Shop"}), desired(name="shop")) == [
        'web: the container name is also used by "shop"',
        'shop: the container name is also used by "web"',
    ]


def test_two_stickers_cannot_lie_at_one_path() -> None:
    place = {"location": "volume", "volume": "data"}
    hint = '; a path that ends with "/" is a folder in which each document has a sticker of its own'
    assert told(desired(sticker=place), desired(name="api", sticker=place)) == [
        f'web: the sticker\'s path is also used by "api"{hint}',
        f'api: the sticker\'s path is also used by "web"{hint}',
    ]
    folder = place | {"path": "stickers/"}
    assert told(desired(sticker=folder), desired(name="api", sticker=folder)) == []
    assert told(desired(sticker=place), desired(name="api", sticker=place | {"volume": "other"})) == []


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("", "", True),
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        (str(IPv4Address(0)), "127.0.0.1", True),
        (str(IPv4Address(0)), "::1", False),
        ("::", "::1", True),
        ("::", "127.0.0.1", False),
        ("::1", "127.0.0.1", False),
    ],
)
def test_listening_addresses_overlap_as_the_kernel_sees_it(one: str, other: str, collide: bool) -> None:
    assert overlap(one, other) is collide
    assert overlap(other, one) is collide


def test_one_host_port_twice_refuses_both_but_not_a_third() -> None:
    web, api = desired({"ports": ["127.0.0.1:80:80"]}), desired({"ports": ["80:80"]}, name="api")
    other = desired({"ports": ["81:80", "80"]}, name="other")
    assert told(web, other, api) == [
        'web: host port 80/tcp is also used by "api"',
        'api: host port 80/tcp is also used by "web"',
    ]


def test_an_unknown_dependency_is_named_with_what_was_meant() -> None:
    assert told(waiting("web", "dbs"), desired(name="db")) == [
        'web: no document for this target is called "dbs"; did you mean "db"?'
    ]
    assert told(waiting("web", "db"), known=("db",)) == []


def test_a_circle_of_dependencies_is_shown_from_each_of_its_members() -> None:
    circle = [waiting("aa", "bb"), waiting("bb", "cc"), waiting("cc", "aa")]
    outside = [waiting("dd", "aa"), waiting("ee"), waiting("self", "self")]
    assert told(*circle, *outside) == [
        "aa: the documents wait for each other: aa -> bb -> cc -> aa",
        "bb: the documents wait for each other: bb -> cc -> aa -> bb",
        "cc: the documents wait for each other: cc -> aa -> bb -> cc",
        "self: the documents wait for each other: self -> self",
    ]


def test_the_shortest_way_round_is_shown() -> None:
    assert told(waiting("aa", "bb", "cc"), waiting("bb", "cc"), waiting("cc", "aa"))[0] == (
        "aa: the documents wait for each other: aa -> cc -> aa"
    )


def test_waiting_for_the_end_of_what_never_ends_is_refused() -> None:
    job = desired({"restartPolicy": "no"}, name="job")
    server = desired(name="server")
    web = desired(
        dependsOn=[{"name": "job", "condition": "completed"}, {"name": "server", "condition": "completed"}]
    )
    assert told(web, job, server) == [
        'web: "server" never completes: its restart policy is not "no" or "on-failure"'
    ]


def test_start_first_with_a_fixed_port_is_a_warning() -> None:
    fixed = desired({"ports": ["80:80"]}, strategy={"order": "start-first"})
    loose = desired({"ports": ["80"]}, name="loose", strategy={"order": "start-first"})
    (only,) = conflicts([fixed, loose])
    assert only.level == "warning"
    assert only.path == ("spec", "strategy", "order")
    assert "80:80/tcp; replacing will be stop-first" in only.message


@pytest.mark.parametrize(
    ("check", "first", "waited"),
    [
        ({"interval": "5s", "timeout": "3s"}, "5s", "3s"),
        ({"interval": "5s", "timeout": "5s"}, "5s", "5s"),
        ({"interval": "1m30s"}, "1m30s", "1m"),
        ({"interval": "30s", "startPeriod": "20s", "timeout": "4s"}, "5s", "4s"),
    ],
)
def test_a_deploy_that_ends_before_its_first_probe_is_a_warning(
    check: dict[str, str], first: str, waited: str
) -> None:
    (only,) = conflicts([desired({"healthCheck": {"test": ["CMD", "true"], **check}})])
    assert (only.level, only.path) == ("warning", ("spec", "config", "healthCheck", "interval"))
    assert only.message.startswith(
        f"the first probe comes {first} after the start, when a deploy has waited for {waited} and failed"
    )


@pytest.mark.parametrize(
    "check",
    [
        {"interval": "5s", "timeout": "6s"},
        {"timeout": "1s"},
        {"test": ["NONE"], "timeout": "1s"},
        {"interval": "30s", "startPeriod": "20s", "timeout": "10s"},
    ],
)
def test_a_deploy_that_may_see_its_first_probe_is_none(check: dict[str, object]) -> None:
    assert told(desired({"healthCheck": check})) == []


def test_a_controller_acts_on_documents_for_its_target_and_on_those_for_all() -> None:
    here, there, everywhere = (
        replace(desired(name=name), target=target)
        for name, target in [("here", "host-a"), ("there", "host-b"), ("everywhere", None)]
    )
    assert [item.name for item in for_target([here, there, everywhere], "host-a")] == ["here", "everywhere"]
    assert [item.name for item in for_target([here, there, everywhere], None)] == ["everywhere"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["aa", "bb", "cc", "dd"]),
            st.sampled_from(["", "80:80", "127.0.0.1:80:80", "81:80"]),
            st.lists(st.sampled_from(["aa", "bb", "cc", "zz"]), max_size=2, unique=True),
        ),
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_who_is_refused_does_not_depend_on_the_order(
    wishes: list[tuple[str, str, list[str]]], chance: random.Random
) -> None:
    documents = [
        desired({"ports": [port]} if port else {}, name=name, dependsOn=[{"name": other} for other in others])
        for name, port, others in wishes
    ]
    shuffled = list(documents)
    chance.shuffle(shuffled)
    refused = {id(item.document) for item in conflicts(documents)}
    assert {id(item.document) for item in conflicts(shuffled)} == refused
    names = [name for name, _, _ in wishes]
    assert {id(item) for item in documents if names.count(item.name) > 1} <= refused
