"""The status of a document: in sync, healthy, and the phase it is in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.container import ContainerConfig, HealthProbe, RestartPolicy
from reconciler.core.desired import DesiredState, DriftMode, DriftPolicy, Suspension
from reconciler.core.drift import Drift
from reconciler.core.judge import judge, unseen
from reconciler.core.plan import Plan
from reconciler.core.planning import make_plan
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import statuses_json
from reconciler.core.status_text import reason_words
from tests.simulator.behaviour import Behaviour, exits, never_healthy, unhealthy
from tests.simulator.player import Player
from tests.simulator.world import World

LIMITS = (Drift("limits", "config.memoryLimit", "64Mi", "128Mi"),)
CHECKED = ContainerConfig(health=HealthProbe(test=("CMD", "probe")))


def started(behaviour: Behaviour | None = None, **fields: Any) -> Player:
    world = World()
    image = world.publish("shop/web", behaviour=behaviour)
    return Player(world, world.desired(image=image, config=fields.pop("config", CHECKED), **fields))


def status(player: Player, name: str = "web") -> DocumentStatus:
    situation = player.situation(name)
    return judge(situation, make_plan(situation), since=5.0)


def words(player: Player) -> tuple[str, str, str]:
    found = status(player)
    return found.sync, found.health, found.phase


def deployed(**fields: Any) -> Player:
    player = started(**fields)
    assert player.settle().kind == "converged"
    return player


def test_before_the_first_deploy() -> None:
    assert words(started()) == ("OutOfSync", "Missing", "Reconciling")


def test_after_a_deploy() -> None:
    player = deployed()
    found = status(player)
    assert words(player) == ("Synced", "Healthy", "Converged")
    assert (found.desired_release, found.running_release) == ("1", "1")
    assert found.running_digest == found.desired_digest
    assert found.since == 5.0
    assert found.last_action == "deploy generation 1 committed"


def test_what_nobody_noted_is_since_the_last_operation() -> None:
    player = deployed()
    situation = player.situation("web")
    record, plan = situation.record, make_plan(situation)
    assert record.committed is not None
    assert judge(situation, plan).since == record.committed.ended_at > 0
    assert judge(replace(situation, record=replace(record, operations=())), plan).since == 0.0
    player.want(player.world.desired(release="2", image=player.world.publish("shop/two"), config=CHECKED))
    situation = player.situation("web")
    assert judge(situation, make_plan(situation)).since == 0.0
    began = replace(record.committed, state="undone", fingerprint=situation.desired.fingerprint, started_at=7.0)
    tried = replace(situation, record=replace(record, operations=(*record.operations, began)))
    assert judge(tried, make_plan(situation)).since == 7.0


def test_what_another_process_does_is_told_as_under_way() -> None:
    player = deployed()
    situation = player.situation("web")
    assert situation.record.committed is not None
    going_on = replace(situation.record.committed, generation=2, state="intent", started_at=1_795_000_000.0)
    for revisions, release in ((situation.record.revisions, " of release 1"), ((), "")):
        record = replace(situation.record, operations=(going_on,), revisions=revisions)
        found = judge(
            replace(situation, record=record), Plan(document="web", blocked="for process 7", waiting=True)
        )
        assert found.phase == "Reconciling"
        assert found.reason == f"deploy{release} is under way since 2026-11-18T11:06:40Z"


def test_a_container_whose_health_begins_anew_is_progressing() -> None:
    player = deployed()
    player.world.engine.by_hand.stop("web")
    player.world.engine.by_hand.start("web")
    assert words(player) == ("Synced", "Progressing", "Converged")


def test_an_unhealthy_container_is_in_sync_and_degraded() -> None:
    player = deployed()
    player.world.engine.behave(player.world.engine.container("web").id, unhealthy(0.1))
    player.world.clock.advance(1)
    assert words(player) == ("Synced", "Degraded", "Converged")


def test_a_stopped_container_runs_nothing() -> None:
    player = deployed()
    player.world.engine.by_hand.stop("web")
    found = status(player)
    assert words(player) == ("OutOfSync", "Degraded", "Reconciling")
    assert found.running_release == ""


def test_a_release_that_was_put_back() -> None:
    player = deployed()
    image = player.world.publish("shop/bad", behaviour=exits(1))
    player.want(player.world.desired(release="2", image=image, config=CHECKED))
    player.settle()
    found = status(player)
    assert words(player) == ("OutOfSync", "Healthy", "RolledBack")
    assert found.quarantined
    assert (found.desired_release, found.running_release) == ("2", "1")


def test_a_release_that_was_taken_back_is_rolled_back_wherever_the_controller_died_meanwhile() -> None:
    """Also where nobody was left to see the former container healthy."""
    for number in range(1, 40):
        player = deployed()
        bad = player.world.publish("shop/bad", behaviour=exits(1))
        player.want(player.world.desired(release="2", image=bad, config=CHECKED))
        died = player.settle_killed_at(number, "after")
        player.world.clock.advance(4000)
        player.settle()
        player.world.clock.advance(4000)
        assert words(player) == ("OutOfSync", "Healthy", "RolledBack"), number
        if not died:
            return
    raise AssertionError("it never got to its end")


def test_a_first_release_that_failed() -> None:
    player = started(exits(1))
    player.settle()
    assert words(player) == ("OutOfSync", "Missing", "Failed")


def test_while_an_operation_is_open() -> None:
    player = started()
    player.settle_killed_at(5, "after")
    assert status(player).phase == "Reconciling"


def test_suspended() -> None:
    player = deployed()
    player.want(replace(player.documents["web"], suspend=Suspension("ana", "incident 42")))
    found = status(player)
    assert (found.health, found.phase, found.reason) == ("Suspended", "Held", "suspended by ana: incident 42")
    assert not found.shown_only
    assert found.suspension == Suspension("ana", "incident 42")


def test_a_stranger_on_the_name_blocks() -> None:
    player = started()
    player.world.engine.by_hand.run("web")
    assert words(player) == ("OutOfSync", "Missing", "Blocked")


def test_a_preflight_that_failed() -> None:
    player = started()
    player.world.registry.reachable = False
    player.settle()
    found = status(player)
    assert found.phase == "Failed"
    assert found.reason


def test_a_job_that_ended_well_is_healthy() -> None:
    player = started(exits(0), config=ContainerConfig(restart_policy=RestartPolicy("no")))
    player.settle()
    assert words(player) == ("Synced", "Healthy", "Converged")


def test_a_container_of_an_image_that_the_history_does_not_know_has_no_release() -> None:
    player = deployed()
    situation = player.situation("web")
    rows = tuple(replace(row, image_id="sha256:other") for row in situation.observation.containers)
    other = replace(situation, observation=replace(situation.observation, containers=rows))
    found = judge(other, make_plan(other))
    assert (found.running_release, found.running_digest) == ("", "sha256:other")


@pytest.mark.parametrize("ever_deployed", [False, True])
def test_while_the_engine_is_away_nothing_is_claimed(ever_deployed: bool) -> None:
    player = deployed() if ever_deployed else started(never_healthy())
    found = unseen(player.situation("web"), "no answer")
    assert (found.sync, found.health, found.phase, found.reason) == ("Unknown", "Unknown", "Blocked", "no answer")
    assert bool(found.running_release) == ever_deployed


def test_the_json_has_all_of_it() -> None:
    found = statuses_json([status(deployed())])
    assert found["version"] == 1
    assert found["documents"][0]["sync"] == "Synced"
    player = deployed()
    player.want(replace(player.documents["web"], suspend=Suspension("ana", "incident 42", 4e9)))
    (suspended,) = statuses_json([status(player)])["documents"]
    assert suspended["suspended"] == {"by": "ana", "reason": "incident 42", "until": "2096-10-02T07:06:40Z"}


def test_a_created_container_is_progressing() -> None:
    player = deployed()
    player.world.engine.by_hand.stop("web")
    player.world.engine.set_status(player.world.engine.container("web").id, "created")
    assert status(player).health == "Progressing"


def test_fingerprints_tell_revisions_apart() -> None:
    first: DesiredState = deployed().documents["web"]
    assert first.fingerprint != replace(first, release=replace(first.release, name="Other")).fingerprint
    assert first.fingerprint == replace(first, cleanup_previous=False).fingerprint


@pytest.mark.parametrize("mode", ["warn", "off"])
def test_drift_that_nobody_puts_right_is_held_and_says_why(mode: DriftMode) -> None:
    player = deployed()
    player.want(replace(player.documents["web"], drift=DriftPolicy(mode=mode)))
    player.world.engine.by_hand.remove("web")
    found = status(player)
    assert (found.sync, found.phase) == ("OutOfSync", "Held")
    assert found.shown_only
    assert found.reason == f"drift mode {mode}: what differs is shown, not put right"


def test_a_state_that_the_engine_leads_out_of_is_no_reason_to_call_a_person() -> None:
    player = deployed()
    player.world.engine.set_status(player.world.engine.container("web").id, "restarting")
    assert status(player).phase == "Reconciling"


@pytest.mark.parametrize(
    ("held", "plan", "reason"),
    [
        ("", Plan(document="web", blocked="suspended by ana: incident", held=True), "suspended by ana: incident"),
        ("", Plan(document="web", drift=LIMITS, notes=("drift mode warn: shown",)), "drift mode warn: shown"),
        ("healed 5 times in 300 s", Plan(document="web"), "healed 5 times in 300 s"),
        ("", Plan(document="web", drift=LIMITS), "what differs is left as it is"),
    ],
)
def test_what_is_held_says_by_what(held: str, plan: Plan, reason: str) -> None:
    situation = deployed().situation("web")
    situation = replace(situation, record=replace(situation.record, held=held))
    found = judge(situation, plan)
    assert (found.phase, found.reason) == ("Held", reason)
    assert reason in reason_words(found)
