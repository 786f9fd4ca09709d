"""What a hostile host, a person or bad luck can do, and what must hold all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import Action
from reconciler.core.container import ContainerConfig, HealthProbe, NetworkAttachment, PortBinding, RestartPolicy
from reconciler.core.desired import DesiredState, DriftPolicy
from reconciler.core.planning import make_plan
from reconciler.errors import EngineRefused
from tests.simulator.behaviour import exits, unhealthy
from tests.simulator.player import Player
from tests.simulator.world import Killed, World

CHECKED = ContainerConfig(health=HealthProbe(test=("CMD", "probe")))


def started(**fields: Any) -> Player:
    world = World()
    player = Player(world, world.desired(release="1", config=CHECKED, **fields))
    assert player.settle().kind == "converged"
    return player


def release(player: Player, name: str, *, bad: bool = False, **fields: Any) -> DesiredState:
    fields.setdefault("config", CHECKED)
    if bad:
        fields["image"] = player.world.publish(f"shop/bad{name}", behaviour=unhealthy())
    return player.world.desired(release=name, **fields)


def first_serves(player: Player) -> bool:
    """Whether the container of the first generation runs, under whatever name."""
    rows = player.world.engine.list_containers()
    return any(row.running and row.labels.get("stella.operation", "").endswith(".web.1") for row in rows)


def later(player: Player, passes: int = 3) -> None:
    for _ in range(passes):
        player.world.clock.advance(400)
        player.settle()


def killed_after(player: Player, kind: str) -> None:
    def after(action: Action) -> None:
        if action.kind == kind:
            raise Killed(kind)

    player.after = after
    with pytest.raises(Killed):
        player.settle()
    del player.after


def refusing(*_: object, **__: object) -> None:
    raise EngineRefused("device or resource busy")


def test_a_failed_container_started_for_a_look_does_not_keep_the_service_down() -> None:
    player = started()
    player.want(release(player, "2", bad=True))
    player.settle()
    player.world.engine.by_hand.start("web-failed-g2")
    player.want(release(player, "3", bad=True))
    player.settle()
    assert first_serves(player)
    later(player)
    assert player.idle()


def test_a_stranger_on_the_resting_name_does_not_keep_the_service_down() -> None:
    player = started()
    player.world.engine.by_hand.run("web-failed-g2")
    player.want(release(player, "2", bad=True))
    assert player.settle().kind == "rolled-back"
    assert first_serves(player)
    assert player.world.engine.container("web-failed-g2-2").status == "exited"


def test_a_former_name_that_was_taken_meanwhile_does_not_keep_the_service_down() -> None:
    player = started()
    player.want(release(player, "2", bad=True, container_name="www"))

    def take(action: Action) -> None:
        if action.kind == "start-container" and action.target == "www":
            player.world.engine.by_hand.run("web")

    player.after = take
    player.settle()
    del player.after
    later(player)
    assert first_serves(player)


def test_a_removal_that_is_refused_does_not_keep_the_service_down(monkeypatch: pytest.MonkeyPatch) -> None:
    player = started()
    player.want(release(player, "2"))
    killed_after(player, "start-container")
    monkeypatch.setattr(player.world.engine, "remove", refusing)
    player.one_pass()
    assert first_serves(player)
    later(player)
    assert player.world.engine.container("web").status == "running"


def restored_and_adopted() -> Player:
    """Generation 3 serves; the history comes from a backup of generation 1 and has adopted what runs."""
    player = started()
    journal = player.world.journal
    saved = dict(journal._records), dict(journal._images)
    for name in "23":
        player.want(release(player, name))
        player.settle()
    journal._records, journal._images = saved
    player.want(replace(player.documents["web"], adopt=True))
    assert player.settle().kind == "converged"
    player.want(release(player, "4", adopt=True))
    return player


def test_a_history_from_a_backup_counts_on_from_the_generations_on_the_host() -> None:
    player = restored_and_adopted()
    killed_after(player, "record-intent")
    assert player.settle().kind == "converged"
    assert player.world.journal.record("web").generation > 3


def test_after_a_backup_a_refused_creation_does_not_stop_what_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    player = restored_and_adopted()
    serving = player.world.engine.container("web").id
    performed: list[str] = []
    monkeypatch.setattr(player.world.engine, "create", refusing)
    player.after = lambda action: performed.append(f"{action.kind} {action.target}")
    player.settle()
    assert "stop-container web" not in performed
    assert (player.world.engine.container("web").id, player.world.engine.container("web").status) == (
        serving,
        "running",
    )


def blocked_edit(player: Player, why: str) -> DesiredState:
    """An edit that cannot be deployed now."""
    port = ContainerConfig(ports=(PortBinding(80, host_port=9000),))
    if why == "registry":
        player.world.registry.reachable = False
        return release(player, "2")
    if why == "port":
        player.want(player.world.desired("other", config=port))
        player.settle("other")
        return release(player, "2", config=replace(CHECKED, ports=port.ports))
    player.world.engine.by_hand.run("www")
    return release(player, "2", container_name="www")


@pytest.mark.parametrize("why", ["registry", "port", "foreign"])
def test_what_serves_is_healed_while_the_wanted_release_cannot_be_had(why: str) -> None:
    player = started()
    player.want(blocked_edit(player, why))
    player.settle()
    player.world.engine.by_hand.kill("web")
    player.settle()
    later(player)
    assert first_serves(player)
    assert player.situation("web").desired.release.id == "2"


def test_the_wanted_release_follows_when_the_registry_is_back() -> None:
    player = started()
    player.want(blocked_edit(player, "registry"))
    player.settle()
    player.world.engine.by_hand.kill("web")
    later(player)
    player.world.registry.reachable = True
    later(player)
    assert player.world.journal.record("web").committed_revision.release.id == "2"  # type: ignore[union-attr]


def test_a_container_whose_network_is_gone_is_made_anew() -> None:
    world = World()
    player = Player(world, world.desired(config=ContainerConfig(networks=(NetworkAttachment("front"),))))
    player.settle()
    world.engine.by_hand.stop("web")
    world.engine.by_hand.remove_network("front")
    assert player.settle().kind == "converged"
    assert world.engine.container("web").status == "running"


def test_a_network_that_is_gone_is_made_anew_under_a_running_container() -> None:
    world = World()
    networks = (NetworkAttachment("back"), NetworkAttachment("front"))
    player = Player(world, world.desired(config=ContainerConfig(networks=networks)))
    player.settle()
    world.engine.by_hand.disconnect("web", "front")
    world.engine.by_hand.remove_network("front")
    assert player.settle().kind == "converged"


def test_a_start_that_failed_for_an_unknown_network_leads_to_a_new_container() -> None:
    world = World()
    player = Player(world, world.desired(config=ContainerConfig(networks=(NetworkAttachment("front"),))))
    player.settle()
    world.engine.by_hand.stop("web")
    world.journal.retry_later("web", error="start: network 6f0c not found", retry_at=0.0)
    assert "create-container" in [item.kind for item in player.plan().actions]


def test_a_kept_container_survives_an_interrupted_rollback() -> None:
    player = started(cleanup_previous=False)
    first = player.documents["web"]
    second = release(player, "2", cleanup_previous=False)
    player.want(second)
    player.settle()
    player.want(first)
    killed_after(player, "record-intent")
    player.want(second)
    player.settle()
    assert player.world.engine.container("web-previous-g1").status == "exited"


def test_rules_edited_during_a_quarantine_count_at_once() -> None:
    player = started()
    bad = release(player, "2", bad=True)
    player.want(bad)
    player.settle()
    player.want(replace(bad, drift=DriftPolicy(mode="off")))
    player.world.engine.by_hand.stop("web")
    assert player.plan().actions == ()


def test_what_was_adopted_and_is_something_else_gets_no_sticker_of_the_wanted_release() -> None:
    world = World()
    world.engine.by_hand.run("web")
    player = Player(world, world.desired(adopt=True, release="7", drift=DriftPolicy(mode="warn")))
    assert "it keeps running" in player.plan().notes[0]
    player.settle()
    assert player.situation("web").sticker == "absent"


def test_an_adopted_service_is_stopped_once_for_a_bad_release() -> None:
    world = World()
    world.engine.by_hand.run("web")
    player = Player(world)
    player.want(release(player, "1", bad=True, adopt=True))
    stops: list[str] = []
    player.after = lambda action: stops.append(action.target) if action.kind == "stop-container" else None
    assert player.settle().kind == "rolled-back"
    for _ in range(7):
        world.clock.advance(30)
        player.settle()
    assert [name for name in stops if "previous" in name] == ["web-previous-g1"]
    assert world.engine.container("web").status == "running"


def test_the_hold_of_a_job_ends_when_it_is_done() -> None:
    world = World()
    player = Player(world, world.desired(config=ContainerConfig(restart_policy=RestartPolicy("no"))))
    player.settle()
    while player.settle().kind != "held":
        world.engine.by_hand.kill("web")
    world.engine.by_hand.start("web")
    world.engine.by_hand.stop("web")
    world.clock.advance(4000)
    player.settle()
    assert player.plan().drift == ()
    assert not world.journal.record("web").held


def test_heals_that_lie_in_the_future_do_not_count() -> None:
    player = started()
    for _ in range(5):
        player.world.engine.by_hand.kill("web")
        player.settle()
    player.world.engine.by_hand.kill("web")
    situation = player.situation("web")
    assert [item.kind for item in make_plan(situation).actions] == ["hold"]
    set_back = replace(situation, now=situation.now - 86_400)
    assert "start-container" in [item.kind for item in make_plan(set_back).actions]


def test_a_held_document_whose_container_is_gone_stays_held() -> None:
    player = started()
    while player.settle().kind != "held":
        player.world.engine.by_hand.kill("web")
    player.world.engine.by_hand.remove("web")
    player.world.clock.advance(4000)
    assert player.settle().kind == "held"


def test_a_document_whose_first_release_failed_is_remembered_as_it_was_wanted() -> None:
    world = World()
    player = Player(world)
    player.want(release(player, "1", bad=True))
    assert world.journal.record("web").last_wanted is None
    player.settle()
    remembered = world.journal.record("web").last_wanted
    assert remembered is not None
    assert remembered.desired == player.documents["web"]


def test_a_held_document_is_held_until_its_container_has_been_stable() -> None:
    player = started()
    while player.settle().kind != "held":
        player.world.engine.by_hand.kill("web")
    player.world.engine.by_hand.start("web")
    assert player.settle().kind == "held"
    player.world.clock.advance(400)
    assert player.settle().kind == "converged"


BY_HAND = ("kill", "remove", "pause")


def once_started(player: Player, deed: str, *, times: int) -> None:
    """Somebody does it to the new container during its wait."""
    done: list[str] = []

    def after(action: Action) -> None:
        if action.kind == "start-container" and action.cause.startswith("release 2") and len(done) < times:
            done.append(deed)
            getattr(player.world.engine.by_hand, deed)("web")

    player.after = after


@pytest.mark.parametrize("deed", BY_HAND)
def test_what_somebody_does_to_a_container_during_its_wait_is_not_held_against_its_release(deed: str) -> None:
    player = started()
    player.want(release(player, "2"))
    once_started(player, deed, times=1)
    assert player.settle().kind == "failed"
    assert first_serves(player)
    later(player)
    assert player.world.journal.record("web").committed_revision.release.id == "2"  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "name"), [("create-container", "web-next-g2"), ("rename-container", "web")])
def test_nor_that_somebody_removes_it_before_its_start(kind: str, name: str) -> None:
    player = started()
    player.want(release(player, "2"))
    removed: list[str] = []

    def after(action: Action) -> None:
        there = [row for row in player.world.engine.list_containers() if row.name == name]
        if action.kind == kind and not removed and there and there[0].status == "created":
            removed.append(name)
            player.world.engine.by_hand.remove(name)

    player.after = after
    assert player.settle().kind == "failed"
    assert removed
    assert first_serves(player)
    later(player)
    assert player.world.journal.record("web").committed_revision.release.id == "2"  # type: ignore[union-attr]


@pytest.mark.parametrize("deed", BY_HAND)
def test_where_it_is_done_again_the_release_is_put_back_for_good(deed: str) -> None:
    """Each try costs an outage."""
    player = started()
    player.want(release(player, "2"))
    once_started(player, deed, times=2)
    assert player.settle().kind == "failed"
    player.world.clock.advance(400)
    assert player.settle().kind == "rolled-back"
    assert first_serves(player)


def test_a_release_that_is_killed_every_time_is_put_back_for_good() -> None:
    player = started()
    player.want(release(player, "2", image=player.world.publish("shop/killed", behaviour=exits(137))))
    config = replace(CHECKED, restart_policy=RestartPolicy("no"))
    player.want(replace(player.documents["web"], config=config))
    assert player.settle().kind == "failed"
    player.world.clock.advance(400)
    assert player.settle().kind == "rolled-back"
    assert first_serves(player)
