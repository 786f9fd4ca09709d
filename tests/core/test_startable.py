"""What an engine that was killed has left of a container is in the way of its start: a new container serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.action import Action
from reconciler.core.container import NetworkAttachment
from tests.core.compose.host import Host, document, service
from tests.core.test_attacks import CHECKED, release, started
from tests.simulator.behaviour import Behaviour
from tests.simulator.player import Player
from tests.simulator.world import World

TEXTS = (
    f"task {'7c' * 32}: already exists",
    "id already in use",
    f"failed to start shim: mkdir /run/io.containerd.runtime.v2.task/moby/{'7c' * 32}: file exists: unknown",
    f"OCI runtime create failed: container with id exists: {'7c' * 32}: unknown",
)


def serving(player: Player) -> str:
    (row,) = (item for item in player.world.engine.list_containers() if item.running)
    assert row.name == "web"
    return row.id


@pytest.mark.parametrize("text", TEXTS)
def test_a_container_that_can_never_start_again_is_replaced(text: str) -> None:
    player = started()
    before = serving(player)
    player.world.engine.by_hand.jam("web", text)
    player.world.engine.by_hand.stop("web")
    assert player.settle().kind == "failed"
    player.world.clock.advance(60)
    assert player.settle().kind == "converged"
    assert serving(player) != before
    assert player.idle()
    assert not player.world.journal.records()["web"].quarantined


def test_one_that_is_kept_is_not_used_again() -> None:
    """It was replaced because it cannot start; it is no help where the one in its place is lost too."""
    player = started(cleanup_previous=False)
    player.world.engine.by_hand.jam("web", TEXTS[0])
    player.world.engine.by_hand.stop("web")
    player.settle()
    player.world.clock.advance(60)
    assert player.settle().kind == "converged"
    player.world.engine.by_hand.remove("web")
    assert [(row.name, row.status) for row in player.world.engine.list_containers()] == [
        ("web-previous-g1", "exited")
    ]
    assert player.settle().kind == "converged"
    serving(player)


def test_one_that_is_kept_says_nothing_about_its_release() -> None:
    """It is seen when it is to serve again that it cannot start: the next try makes another one of its release."""
    world = World()
    first = world.desired(config=CHECKED, cleanup_previous=False)
    player = Player(world, first)
    player.settle()
    player.want(release(player, "2", cleanup_previous=False))
    assert player.settle().kind == "converged"
    world.engine.by_hand.jam("web-previous-g1", TEXTS[0])
    player.want(first)
    verdict = player.settle()
    assert verdict.kind == "failed"
    assert "already exists" in verdict.reason
    assert not player.world.journal.records()["web"].quarantined
    player.world.clock.advance(60)
    assert player.settle().kind == "converged"
    assert serving(player)
    assert player.idle()


@pytest.mark.parametrize("text", TEXTS)
def test_a_release_that_cannot_be_started_again_and_again_is_put_back_for_good(text: str) -> None:
    """Each try costs an outage, whatever the engine says."""
    player = started()
    before = serving(player)
    player.want(
        release(player, "2", image=player.world.publish("shop/stuck", behaviour=Behaviour(start_error=text)))
    )
    assert player.settle().kind == "failed"
    player.world.clock.advance(400)
    assert player.settle().kind == "rolled-back"
    assert serving(player) == before


def test_by_what_a_start_of_it_has_failed_with_it_is_known_too() -> None:
    player = started()
    (row,) = player.world.engine.list_containers()
    player.world.engine.by_hand.stop("web")
    player.world.journal.retry_later("web", error=f"starting {row.id[:12]}: id already in use", retry_at=0.0)
    assert "create-container" in [item.kind for item in player.plan().actions]


@pytest.mark.parametrize("said", ["client id already in use", "network: 404 not found"])
def test_what_an_application_has_said_is_no_reason(said: str) -> None:
    """Applications know their container by the beginning of its id, which is its host name."""
    world = World()
    player = Player(world, world.desired(config=replace(CHECKED, networks=(NetworkAttachment("front"),))))
    player.settle()
    (row,) = world.engine.list_containers()
    world.engine.by_hand.stop("web")
    error = f"web is not healthy: it ended\n  last log lines:\n    {row.id[:12]} {said}"
    world.journal.retry_later("web", error=error, retry_at=0.0)
    kinds = [item.kind for item in player.plan().actions]
    assert "start-container" in kinds
    assert "create-container" not in kinds


@pytest.mark.parametrize("error", ["starting 0123456789ab: id already in use", "starting it: permission denied"])
def test_what_is_in_the_way_of_another_or_passes_is_no_reason(error: str) -> None:
    player = started()
    player.world.engine.by_hand.stop("web")
    player.world.journal.retry_later("web", error=error, retry_at=0.0)
    kinds = [item.kind for item in player.plan().actions]
    assert "start-container" in kinds
    assert "create-container" not in kinds


def test_a_failed_release_is_taken_back_also_where_the_former_container_can_never_start_again() -> None:
    """What serves then is a new container of the former release."""
    player = started()
    before = serving(player)

    def jam_once_stopped(action: Action) -> None:
        for row in player.world.engine.list_containers():
            if row.id == before and action.kind == "stop-container":
                player.world.engine.by_hand.jam(row.name, TEXTS[0])

    player.want(release(player, "2", bad=True))
    player.after = jam_once_stopped
    verdicts = [player.settle().kind]
    del player.after
    while not player.idle():
        player.world.clock.advance(600)
        verdicts.append(player.settle().kind)
    assert verdicts == ["failed", "failed", "held"]
    assert serving(player) != before
    revision = player.world.journal.records()["web"].committed_revision
    assert revision is not None
    assert revision.release.id == "1"


def test_a_failed_release_is_taken_back_also_where_the_network_of_the_former_container_is_gone() -> None:
    """Somebody has removed it while nothing was connected to it; the release does not use it any more."""
    world = World()
    player = Player(world, world.desired(config=replace(CHECKED, networks=(NetworkAttachment("front"),))))
    assert player.settle().kind == "converged"

    def remove_network(action: Action) -> None:
        if action.kind == "stop-container":
            world.engine.by_hand.remove_network("front")

    player.want(release(player, "2", bad=True))
    player.after = remove_network
    verdicts = [player.settle().kind]
    del player.after
    while not player.idle():
        world.clock.advance(600)
        verdicts.append(player.settle().kind)
    assert verdicts == ["failed", "held"]
    serving(player)
    assert "front" in world.engine.list_networks()


def test_a_service_that_can_never_start_again_is_made_anew_and_no_other() -> None:
    host = Host()
    wanted = document("1", service("web", "web"), service("db", "db"))
    host.settle(wanted)
    web, db = (next(box for box in host.boxes if box.service == name) for name in ("web", "db"))
    web.status, web.exit_code, web.error = "exited", 128, TEXTS[0]
    host.settle(wanted)
    assert web not in host.boxes
    assert db in host.boxes
    assert {box.service: box.status for box in host.boxes} == {"web": "running", "db": "running"}
