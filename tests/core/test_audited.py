"""No line, no change: whatever a controller does to a simulated host, its intent was noted before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.action import Action
from reconciler.errors import StateUnwritable
from tests.core.test_never_worse import MOST_ACTIONS, STORIES, deployed, failing_upgrade
from tests.simulator.oracle import violations
from tests.simulator.player import Player


def watched(player: Player) -> Player:
    """Every Action that is carried out must be the one that is open in the audit log."""

    def noted(action: Action) -> None:
        assert [deed.action for deed in player.world.audit.open] == [action.kind]
        assert player.world.audit.open[0].target == action.target

    player.before = noted
    return player


@pytest.mark.parametrize("story", STORIES)
def test_every_action_is_carried_out_between_its_intent_and_its_outcome(story: Callable[[], Player]) -> None:
    player = watched(story())
    player.settle()
    assert player.world.audit.open == []
    kinds = [line.kind for line in player.world.audit.lines]
    assert kinds == ["intent", "outcome"] * (len(kinds) // 2)


def orphan() -> Player:
    player = deployed()
    del player.documents["web"]
    return player


@pytest.mark.parametrize(("story", "prune"), [*((story, False) for story in STORIES), (orphan, True)])
def test_where_no_intent_can_be_noted_nothing_of_a_host_is_changed(
    story: Callable[[], Player], *, prune: bool
) -> None:
    player = story()
    player.world.audit.full = True
    before = player.world.engine.mutations
    plan, outcomes, _ = player.one_pass(prune=prune)
    assert plan.actions
    assert isinstance(outcomes[-1].error, StateUnwritable)
    assert player.world.engine.mutations == before
    player.world.audit.full = False
    if not prune:
        player.settle()
        assert violations(player) == []
        assert player.idle()


def test_what_was_begun_is_taken_back_although_nothing_can_be_noted_and_noted_afterwards() -> None:
    for number in range(1, MOST_ACTIONS):
        player = failing_upgrade()
        if not player.settle_killed_at(number, "after"):
            return
        player.world.audit.full = True
        undoes = player.plan().purpose == "undo"
        player.one_pass()
        player.world.audit.full = False
        player.settle()
        player.world.audit.settle()
        assert violations(player) == [], f"killed after action {number}"
        assert any(line.kind == "late" for line in player.world.audit.lines) == undoes
    pytest.fail("the story has no end")
