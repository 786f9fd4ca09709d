"""Plans as text and JSON: stable, complete, and checked against the published schema."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import Strategy, Suspension
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plans_json
from reconciler.core.plan_text import render
from reconciler.core.planning import make_plan
from tests.simulator.behaviour import exits
from tests.simulator.player import Player
from tests.simulator.world import World


def player_with(*names: str) -> Player:
    world = World()
    return Player(world, *(world.desired(name) for name in names))


def test_the_json_says_what_the_plan_says() -> None:
    player = player_with("web")
    found = plans_json([player.plan()])
    assert (found["version"], found["changes"]) == (1, True)
    (document,) = found["documents"]
    assert document["drift"] == [
        {"kind": "missing", "path": "container", "wanted": "web", "found": "no container"}
    ]
    assert [item["action"] for item in document["actions"]] == [item.kind for item in player.plan().actions]
    assert all(item["cause"] and item["target"] for item in document["actions"])


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [
        ({}, "converged"),
        ({"blocked": "x"}, "blocked"),
        ({"blocked": "x", "waiting": True}, "waiting"),
        ({"blocked": "x", "held": True}, "held"),
    ],
)
def test_the_verdict_of_a_plan_without_actions(flags: dict[str, object], verdict: str) -> None:
    plan = Plan(document="web", **flags)  # type: ignore[arg-type]
    assert plans_json([plan])["documents"][0]["verdict"] == verdict


def test_the_basis_moves_when_either_side_does() -> None:
    player = player_with("web")
    before = plans_json([player.plan()])["basis"]
    assert plans_json([player.plan()])["basis"] == before
    player.want(replace(player.documents["web"], config=ContainerConfig(user="1")))
    edited = plans_json([player.plan()])["basis"]
    player.settle()
    assert len({before, edited, plans_json([player.plan()])["basis"]}) == 3


def test_a_plan_with_nothing_to_say_is_left_out_of_the_text() -> None:
    assert render([Plan(document="web")]) == "1 document: nothing to do\n"
    assert render([]) == "0 documents: nothing to do\n"


def test_notes_stand_below_the_actions() -> None:
    text = render([Plan(document="web", blocked="x", notes=("said twice",))])
    assert text.splitlines()[:3] == ["web  no action", "  blocked: x", "  note: said twice"]


def test_a_plan_tells_whether_it_waits_for_health() -> None:
    player = player_with("web")
    assert player.plan().waits
    player.settle()
    assert not player.plan().waits


@given(st.permutations(["a", "bb", "c", "d"]))
def test_the_order_in_which_the_host_lists_its_containers_changes_no_plan(order: list[str]) -> None:
    player = HOST
    observation = player.observe()
    rank = {name: order.index(name) if name in order else 9 for name in order}
    rows = sorted(observation.containers, key=lambda row: rank.get(row.name, 9))
    shuffled = replace(observation, containers=tuple(rows), details=dict(reversed([*observation.details.items()])))
    for name in player.documents:
        situation = player.situation(name, observation)
        assert make_plan(replace(situation, observation=shuffled)) == make_plan(situation)


def _host() -> Player:
    player = player_with("a", "bb", "c", "d")
    for name in ("a", "bb", "c"):
        player.settle(name)
    player.world.engine.by_hand.stop("bb")
    player.want(player.world.desired("c", release="2"))
    return player


HOST = _host()


def test_a_suspension_that_ended_is_over() -> None:
    player = player_with("web")
    player.want(replace(player.documents["web"], suspend=Suspension("ana", "x", player.world.clock.time() - 1)))
    assert player.settle().kind == "converged"


def test_an_operator_suspends_beside_the_document() -> None:
    player = player_with("web")
    player.world.journal.suspend("web", Suspension("ben", "incident"))
    assert player.plan().blocked == "suspended by ben: incident"


def test_what_was_begun_is_taken_back_even_while_suspended() -> None:
    player = player_with("web")
    player.settle()
    player.want(player.world.desired(release="2"))
    player.settle_killed_at(8, "after")
    player.world.journal.suspend("web", Suspension("ben", "incident"))
    assert player.settle().kind == "held"
    assert player.world.engine.container("web").status == "running"
    assert player.world.journal.record("web").committed_revision.release.id == "1"  # type: ignore[union-attr]


def test_retries_are_made_before_a_release_is_quarantined() -> None:
    player = player_with("web")
    player.settle()
    image = player.world.publish("shop/bad", behaviour=exits(1))
    player.want(player.world.desired(release="2", image=image, strategy=Strategy(retries=2)))
    kinds = []
    for _ in range(3):
        kinds.append(player.settle().kind)
        player.world.clock.advance(400)
    assert kinds == ["failed", "failed", "rolled-back"]
    assert player.settle().kind == "held"
