from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import DesiredState
from reconciler.sources.in_force import settle
from reconciler.spec.check import conflicts
from tests.spec.texts import desired


def at(name: str, port: int, **spec: Any) -> DesiredState:
    return desired({"ports": [f"{port}:80"]}, name=name, **spec)


def by_name(*documents: DesiredState) -> dict[str, DesiredState]:
    return {item.name: item for item in documents}


def test_without_conflicts_what_is_wanted_is_in_force() -> None:
    wanted = [at("web", 80), at("api", 81)]
    settled = settle(wanted, {})
    assert settled.documents == tuple(wanted)
    assert settled.conflicts == ()


def test_both_sides_of_a_conflict_are_refused_and_others_go_on() -> None:
    settled = settle([at("web", 80), at("api", 80), at("db", 82)], {})
    assert [item.name for item in settled.documents] == ["db"]
    assert [item.document.name for item in settled.conflicts] == ["web", "api"]


def test_a_newcomer_cannot_take_what_was_in_force() -> None:
    web = at("web", 80)
    settled = settle([web, at("api", 80)], by_name(web))
    assert settled.documents == (web,)
    assert [item.document.name for item in settled.conflicts] == ["web", "api"]


def test_the_last_good_documents_stand_in_for_refused_ones() -> None:
    web, api = at("web", 80), at("api", 81)
    settled = settle([at("web", 85), at("api", 85)], by_name(web, api))
    assert settled.documents == (api, web)


def test_a_stand_in_that_collides_with_something_new_wins_and_the_new_one_falls_back_too() -> None:
    web, db = at("web", 80), at("db", 90)
    settled = settle([at("web", 85), at("api", 85), at("db", 80)], by_name(web, db))
    assert by_name(*settled.documents) == by_name(web, db)


def test_who_waits_for_a_refused_document_is_not_refused() -> None:
    waiting = at("job", 99, dependsOn=[{"name": "web"}, {"name": "broken"}])
    settled = settle([at("web", 80), at("api", 80), waiting], {}, known=["broken"])
    assert settled.documents == (waiting,)


def test_warnings_are_told_of_what_is_in_force() -> None:
    loose = at("web", 80, strategy={"order": "start-first"})
    settled = settle([loose], {})
    assert settled.documents == (loose,)
    assert [item.level for item in settled.conflicts] == ["warning"]


WISHES = st.dictionaries(st.sampled_from(["aa", "bb", "cc", "dd"]), st.integers(80, 83), max_size=4)


@given(WISHES, st.lists(st.tuples(st.sampled_from(["aa", "bb", "cc", "dd"]), st.integers(80, 83)), max_size=5))
def test_what_is_in_force_never_collides_and_nothing_good_is_lost(
    before: dict[str, int], wishes: list[tuple[str, int]]
) -> None:
    good = settle([at(name, port) for name, port in before.items()], {}).documents
    wanted = [at(name, port) for name, port in wishes]
    settled = settle(wanted, by_name(*good))
    assert not [item for item in conflicts(settled.documents) if item.level == "error"]
    names = {item.name for item in settled.documents}
    assert {item.name for item in good} & {item.name for item in wanted} <= names
    for item in settled.documents:
        assert item in wanted or item in good
