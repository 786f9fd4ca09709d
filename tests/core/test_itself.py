"""The container that the controller runs in is left alone, whatever a document or a person asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core import names
from reconciler.core.itself import own_container
from reconciler.core.judge import judge
from reconciler.core.observation import ContainerRow
from reconciler.core.planning import make_plan, orphan_plan
from reconciler.core.project import PROJECT_LABEL
from reconciler.core.pruning import prune_plan
from reconciler.core.situation import Situation
from tests.core.compose.host import document, service
from tests.simulator.player import Player
from tests.simulator.world import World

REFUSED = "is the container that this controller runs in"


def running_in(situation: Situation, row: ContainerRow) -> Situation:
    """The controller turns out to run in this container."""
    return replace(situation, own=frozenset({"0" * 64, row.id}))


def deployed() -> tuple[Player, ContainerRow]:
    world = World()
    player = Player(world, world.desired("web"), world.desired("db"))
    player.settle("web")
    player.settle("db")
    (row,) = (item for item in world.engine.list_containers() if item.name == "web")
    return player, row


def assert_left_alone(situation: Situation) -> None:
    for planner in (make_plan, orphan_plan, prune_plan):
        plan = planner(situation)
        assert plan.actions == ()
        assert REFUSED in plan.blocked
    assert judge(situation, make_plan(situation)).phase == "Blocked"


def test_what_the_history_calls_ours_is_neither_replaced_nor_healed_nor_pruned() -> None:
    player, row = deployed()
    player.want(player.world.desired("web", release="2"))
    assert make_plan(player.situation("web")).actions
    assert_left_alone(running_in(player.situation("web"), row))


def test_other_documents_go_on() -> None:
    player, row = deployed()
    player.want(player.world.desired("db", release="2"))
    assert make_plan(running_in(player.situation("db"), row)).actions


def test_a_container_of_nobody_is_not_adopted() -> None:
    world = World()
    player = Player(world, world.desired("web", adopt=True))
    world.engine.by_hand.run("web")
    assert make_plan(player.situation("web")).purpose == "adopt"
    (row,) = world.engine.list_containers()
    assert_left_alone(running_in(player.situation("web"), row))


def test_what_was_begun_with_it_is_not_taken_back() -> None:
    player, row = deployed()
    situation = running_in(player.situation("web"), row)
    begun = replace(situation.record.operations[-1], generation=9, state="intent", container_id="")
    record = replace(situation.record, operations=(*situation.record.operations, begun))
    plan = make_plan(replace(situation, record=record))
    assert (plan.purpose, plan.actions) == ("none", ())


def test_our_labels_on_it_are_enough() -> None:
    player, row = deployed()
    situation = player.situation("web")
    marked = replace(
        row, id="f" * 64, name="x", labels={names.DOCUMENT: "web", names.OWNER: situation.record.owner}
    )
    seen = replace(situation.observation, containers=(*situation.observation.containers, marked))
    assert_left_alone(running_in(replace(situation, observation=seen), marked))


def test_a_project_that_it_is_part_of_is_left_alone() -> None:
    player, row = deployed()
    desired = document("r1", service("web"))
    assert desired.project is not None
    inside = replace(row, id="f" * 64, name="x", labels={PROJECT_LABEL: desired.project.name})
    situation = player.situation("web")
    seen = replace(situation.observation, containers=(inside,))
    record = replace(situation.record, document=desired.name, operations=(), revisions=())
    assert_left_alone(running_in(Situation(desired=desired, observation=seen, record=record), inside))


@pytest.mark.parametrize("own", [frozenset(), frozenset({"e" * 64}), frozenset({"e" * 12})])
def test_a_container_of_another_engine_is_not_ours(own: frozenset[str]) -> None:
    player, _ = deployed()
    assert own_container(player.situation("web").observation.containers, own) is None
    assert make_plan(replace(player.situation("web"), own=own)).blocked == ""


def test_the_beginning_of_an_id_is_enough() -> None:
    player, row = deployed()
    assert own_container(player.situation("web").observation.containers, {row.id[:12]}) == row
