"""Rules of planning that no story tells: what stands beside the usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.container import ContainerConfig, PortBinding, RestartPolicy
from reconciler.core.desired import Condition, Dependency, Strategy
from reconciler.core.names import GENERATION
from reconciler.core.planning import make_plan
from reconciler.core.tidy import tidy
from tests.simulator.behaviour import exits, healthy
from tests.simulator.player import Player
from tests.simulator.world import World


def deployed(**fields: Any) -> Player:
    world = World()
    player = Player(world, world.desired(release="1", **fields))
    assert player.settle().kind == "converged"
    return player


def test_a_stranger_on_the_name_while_our_container_has_another_blocks_even_adoption() -> None:
    player = deployed(adopt=True)
    player.world.engine.by_hand.rename("web", "elsewhere")
    player.world.engine.by_hand.run("web")
    assert "not ours" in player.plan().blocked


def test_a_stranger_in_the_place_of_our_container_can_be_adopted() -> None:
    player = deployed(adopt=True)
    player.world.engine.by_hand.remove("web")
    player.world.engine.by_hand.run("web")
    assert player.settle().kind == "converged"
    assert player.idle()


def test_a_stranger_with_our_name_and_our_labels_is_told_once() -> None:
    player = deployed()
    player.world.engine.by_hand.recreate("web")
    assert [item.kind for item in player.plan().drift].count("foreign") == 1


def test_healing_waits_for_dependencies_too() -> None:
    world = World()
    player = Player(world, world.desired("db"), world.desired("web", depends_on=(Dependency("db", "healthy"),)))
    assert [player.settle("db").kind, player.settle("web").kind] == ["converged", "converged"]
    world.engine.by_hand.stop("db")
    world.engine.by_hand.stop("web")
    assert "db (healthy): exited" in player.plan("web").blocked


@pytest.mark.parametrize(
    ("condition", "restart", "ends", "met"),
    [
        ("started", "always", None, True),
        ("healthy", "always", None, True),
        ("completed", "no", 0, True),
        ("completed", "always", None, False),
    ],
)
def test_dependencies_are_met_by_their_conditions(
    condition: Condition, restart: str, ends: int | None, met: bool
) -> None:
    world = World()
    image = world.publish("shop/db", behaviour=healthy() if ends is None else exits(ends))
    config = ContainerConfig(restart_policy=RestartPolicy(restart))  # type: ignore[arg-type]  # one of its names
    player = Player(
        world,
        world.desired("db", image=image, config=config),
        world.desired("web", depends_on=(Dependency("db", condition),)),
    )
    player.settle("db")
    assert bool(player.plan("web").blocked) != met


def test_a_dependency_that_is_being_replaced_is_waited_for() -> None:
    world = World()
    player = Player(world, world.desired("db"), world.desired("web", depends_on=(Dependency("db"),)))
    player.settle("db")
    player.want(world.desired("db", release="2"))
    player.settle_killed_at(5, "after", "db")
    assert "being replaced" in player.plan("web").blocked


def test_a_dependency_removed_by_hand_is_waited_for() -> None:
    world = World()
    player = Player(world, world.desired("db"), world.desired("web", depends_on=(Dependency("db"),)))
    player.settle("db")
    world.engine.by_hand.remove("db")
    assert "not there" in player.plan("web").blocked


def test_a_port_that_the_engine_chooses_conflicts_with_nothing() -> None:
    player = deployed(config=ContainerConfig(ports=(PortBinding(80, host_port=8080),)))
    player.want(player.world.desired("db", config=ContainerConfig(ports=(PortBinding(80),))))
    assert player.settle("db").kind == "converged"


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [("", "127.0.0.1", True), ("127.0.0.1", "127.0.0.2", False), ("::", "127.0.0.2", True)],
)
def test_addresses_decide_whether_ports_conflict(one: str, other: str, conflict: bool) -> None:
    player = deployed(config=ContainerConfig(ports=(PortBinding(80, host_ip=one, host_port=8080),)))
    config = ContainerConfig(ports=(PortBinding(80, host_ip=other, host_port=8080),))
    player.want(player.world.desired("db", config=config))
    assert bool(player.plan("db").blocked) == conflict


def test_a_kept_container_that_was_changed_by_hand_is_not_used_again() -> None:
    player = deployed(cleanup_previous=False)
    first = player.documents["web"]
    player.want(player.world.desired(release="2", cleanup_previous=False))
    player.settle()
    player.world.engine.by_hand.update_memory("web-previous-g1", 128 << 20)
    player.want(first)
    assert "create-container" in [item.kind for item in player.plan().actions]
    assert player.settle().kind == "converged"


def test_an_old_container_found_paused_during_an_undo_is_unpaused() -> None:
    player = deployed()
    player.want(player.world.desired(release="2"))
    player.settle_killed_at(4, "after")
    player.world.engine.by_hand.pause("web")
    assert "unpause-container" in [item.kind for item in player.plan().actions]
    assert player.settle().kind == "converged"


def test_a_job_that_was_done_is_not_run_again_by_an_undo() -> None:
    world = World()
    image = world.publish("shop/job", behaviour=exits(0))
    config = ContainerConfig(restart_policy=RestartPolicy("no"))
    player = Player(world, world.desired("web", image=image, config=config))
    player.settle()
    player.want(world.desired("web", release="2", config=config))
    player.settle_killed_at(6, "after")
    assert "start-container" not in [item.kind for item in player.plan().actions]


def test_only_the_last_failed_container_is_kept() -> None:
    player = deployed()
    for release in ("2", "3"):
        image = player.world.publish("shop/bad", behaviour=exits(1))
        player.want(player.world.desired(release=release, image=image))
        player.settle()
    names = sorted(row.name for row in player.world.engine.list_containers())
    assert names == ["web", "web-failed-g3"]


def test_retries_leave_one_failed_container() -> None:
    player = deployed()
    image = player.world.publish("shop/bad", behaviour=exits(1))
    player.want(player.world.desired(release="2", image=image, strategy=Strategy(retries=1)))
    for _ in range(3):
        player.settle()
        player.world.clock.advance(400)
    names = sorted(row.name for row in player.world.engine.list_containers())
    assert names == ["web", "web-failed-g3"]


def test_a_kept_previous_container_that_runs_is_stopped_and_stays() -> None:
    player = deployed(cleanup_previous=False)
    player.want(player.world.desired(release="2", cleanup_previous=False))
    player.settle()
    player.world.engine.by_hand.start("web-previous-g1")
    situation = player.situation("web")
    plan = make_plan(situation)
    assert [(item.kind, item.target) for item in plan.actions] == [("stop-container", "web-previous-g1")]
    assert tidy(replace(situation, desired=replace(situation.desired, cleanup_previous=True)), _claims(player))[
        1
    ].kind == ("remove-container")


def _claims(player: Player):  # type: ignore[no-untyped-def]
    from reconciler.core.ownership import find_claims  # noqa: PLC0415

    return find_claims("web", player.observe(), player.world.journal.record("web"))


def test_a_kept_previous_container_stays_when_a_later_release_fails() -> None:
    player = deployed(cleanup_previous=False)
    player.want(player.world.desired(release="2", cleanup_previous=False))
    player.settle()
    image = player.world.publish("shop/bad", behaviour=exits(1))
    player.want(player.world.desired(release="3", image=image, cleanup_previous=False))
    assert player.settle().kind == "rolled-back"
    names = sorted(row.name for row in player.world.engine.list_containers())
    assert names == ["web", "web-failed-g3", "web-previous-g1"]


def test_an_image_not_resolved_yet_is_compared_by_its_reference() -> None:
    player = deployed()
    situation = player.situation("web")
    revisions = tuple(replace(item, image_id="") for item in situation.record.revisions)
    record = replace(situation.record, revisions=revisions)
    unresolved = replace(situation.observation, references={})
    assert make_plan(replace(situation, observation=unresolved, record=record)).drift == ()


def test_failures_before_a_success_do_not_count() -> None:
    player = deployed()
    record = player.world.journal.record("web")
    assert record.failures_of(player.documents["web"].fingerprint) == 0


def test_a_container_known_only_by_its_row_is_not_changed_in_place() -> None:
    player = deployed()
    situation = player.situation("web")
    bare = replace(situation, observation=replace(situation.observation, details={}))
    assert make_plan(bare).actions == ()


@pytest.mark.parametrize("running", [True, False])
def test_a_kept_container_that_got_the_service_name_by_hand_is_laid_aside(running: bool) -> None:
    player = deployed(cleanup_previous=False)
    player.want(player.world.desired(release="2", cleanup_previous=False))
    player.settle()
    hand = player.world.engine.by_hand
    hand.remove("web")
    hand.rename("web-previous-g1", "web")
    if running:
        hand.start("web")
    assert player.settle().kind == "converged"
    assert (player.world.engine.container("web").config.labels or {})[GENERATION] == "3"
    assert player.idle()


def test_a_rollback_without_a_former_container_is_told_as_a_failure_and_the_former_release_is_made_anew() -> None:
    player = deployed()
    player.world.engine.by_hand.remove("web")
    image = player.world.publish("shop/bad", behaviour=exits(1))
    player.want(player.world.desired(release="2", image=image))
    verdict = player.settle()
    assert (verdict.kind, verdict.retry_after) == ("failed", 0.0)
    assert "the former container does not come back" in verdict.reason
    assert player.settle().kind == "held"
    assert player.world.engine.container("web").status == "running"
