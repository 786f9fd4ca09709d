"""Pruning removes what the history names as one document's, and nothing else; the cap asks a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.pruning import over_the_cap
from tests.simulator.player import Player
from tests.simulator.world import World


def gone(*, running: bool = True) -> Player:
    """Two documents were deployed; the file of one is gone."""
    world = World()
    player = Player(world, world.desired("web", cleanup_previous=False), world.desired("db"))
    player.settle("web")
    player.settle("db")
    player.want(world.desired("web", release="2", cleanup_previous=False))
    player.settle("web")
    if not running:
        world.engine.by_hand.stop("web")
    del player.documents["web"]
    return player


def test_an_orphan_is_reported_and_not_touched() -> None:
    player = gone()
    before = player.world.engine.mutations
    plan, outcomes, verdict = player.one_pass("web")
    assert [item.kind for item in plan.drift] == ["orphan"]
    assert (outcomes, verdict.kind) == ((), "blocked")
    assert player.world.engine.mutations == before


@pytest.mark.parametrize("running", [True, False])
def test_pruning_removes_all_of_one_document_and_nothing_of_others(running: bool) -> None:
    player = gone(running=running)
    player.world.engine.by_hand.run("foreign")
    _, _, verdict = player.one_pass("web", prune=True)
    assert verdict.kind == "converged"
    assert sorted(row.name for row in player.world.engine.list_containers()) == ["db", "foreign"]
    assert player.world.journal.record("web").operations == ()
    assert player.world.journal.record("web").generation == 2


def test_a_document_that_comes_back_after_pruning_is_deployed_anew_with_a_higher_generation() -> None:
    player = gone()
    player.one_pass("web", prune=True)
    player.want(player.world.desired("web", release="3"))
    assert player.settle("web").kind == "converged"
    assert player.world.journal.record("web").generation == 3


@pytest.mark.parametrize(
    ("removals", "documents", "waits"),
    [(0, 0, False), (1, 0, False), (1, 1, False), (2, 8, False), (2, 7, True), (5, 0, True), (20, 80, False)],
)
def test_the_cap_is_a_share_of_all_documents(removals: int, documents: int, waits: bool) -> None:
    names = [f"d{number}" for number in range(removals)]
    assert bool(over_the_cap(names, documents, cap_percent=20)) == waits


@given(st.integers(2, 50), st.integers(0, 500), st.integers(0, 100))
def test_more_documents_never_make_the_cap_tighter(removals: int, documents: int, cap: int) -> None:
    names = [str(number) for number in range(removals)]
    if not over_the_cap(names, documents, cap_percent=cap):
        assert not over_the_cap(names, documents + 1, cap_percent=cap)
