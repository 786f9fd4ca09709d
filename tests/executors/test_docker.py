from __future__ import annotations

from typing import Any

import pytest

from reconciler.core import action as actions
from reconciler.core.action import Action, ContainerRef, EngineAction
from reconciler.core.container import ContainerConfig, NetworkAttachment, PortBinding, RestartPolicy
from reconciler.core.observation import ContainerDetail, EngineFacts
from reconciler.errors import (
    ComposeBusy,
    EngineRefused,
    EngineUnavailable,
    Interrupted,
    NameTaken,
    NotFound,
    PlatformMismatch,
    PortTaken,
    RegistryUnavailable,
    Unhealthy,
    VerificationFailed,
)
from reconciler.executors.docker import DockerExecutor
from tests.executors.stage import PROBED, Stage
from tests.simulator.behaviour import Behaviour, exits
from tests.simulator.engine import SimulatedEngine

WHO: dict[str, Any] = {"document": "web", "cause": "test"}
MIB = 1024 * 1024


def test_every_action_on_a_docker_host_is_handled_and_no_other() -> None:
    executor = Stage().executor
    known = [item for item in vars(actions).values() if isinstance(item, type) and issubclass(item, Action)]
    for kind in (item for item in known if item.kind):
        action = object.__new__(kind)
        assert executor.handles(action) == issubclass(kind, EngineAction), kind


# Images.


def test_an_image_is_pulled_once_with_progress() -> None:
    stage = Stage()
    pull = actions.PullImage(**WHO, image=stage.image)
    assert stage.perform(pull).kind == "done"
    assert stage.lines[0].startswith("pulling shop/web@")
    assert stage.perform(pull).kind == "already"
    assert stage.methods() == ["pull"]


def test_the_pull_deadline_is_handed_on() -> None:
    stage = Stage()
    stage.engine.registry.pull_s = 61.0
    assert isinstance(stage.perform(actions.PullImage(**WHO, image=stage.image)).error, RegistryUnavailable)


def test_an_image_known_by_another_repository_is_pulled_all_the_same() -> None:
    stage = Stage()
    stage.pulled()
    mirrored = stage.engine.registry.mirror(stage.image, "mirror.example.com/shop/web")
    assert stage.perform(actions.PullImage(**WHO, image=mirrored)).kind == "done"


def test_a_verified_image_is_noted_in_the_history() -> None:
    stage = Stage()
    stage.pulled()
    fingerprint = stage.desired().fingerprint
    outcome = stage.perform(actions.VerifyImage(**WHO, image=stage.image, fingerprint=fingerprint))
    assert outcome.kind == "done"
    assert outcome.image_id == stage.engine.inspect_image(str(stage.image)).id  # type: ignore[union-attr]  # pulled
    stage.intent()
    revision = stage.journal.record("web").revision(fingerprint)
    assert revision is not None
    assert revision.image_id == outcome.image_id


def test_an_image_verified_for_no_revision_is_noted_nowhere() -> None:
    stage = Stage()
    stage.pulled()
    assert stage.perform(actions.VerifyImage(**WHO, image=stage.image)).kind == "done"
    stage.intent()
    assert stage.journal.record("web").revisions[-1].image_id == ""


def test_verifying_changes_nothing_on_the_host() -> None:
    stage = Stage()
    stage.pulled()
    before = stage.engine.mutations
    stage.perform(actions.VerifyImage(**WHO, image=stage.image))
    assert stage.engine.mutations == before


def test_a_missing_image_an_other_id_and_an_other_platform_are_refused() -> None:
    stage = Stage()
    verify = actions.VerifyImage(**WHO, image=stage.image)
    assert isinstance(stage.perform(verify).error, VerificationFailed)
    stage.pulled()
    moved = actions.VerifyImage(**WHO, image=stage.image, image_id="sha256:" + "0" * 64)
    assert isinstance(stage.perform(moved).error, VerificationFailed)
    stage.engine.host.facts = EngineFacts(architecture="arm64")
    assert isinstance(stage.perform(verify).error, PlatformMismatch)


def test_a_removed_image_is_noted_as_collected() -> None:
    stage = Stage()
    stage.pulled()
    stage.intent()
    remove = actions.RemoveImage(**WHO, image=stage.image, fingerprint=stage.desired().fingerprint)
    assert stage.perform(remove).kind == "done"
    assert stage.journal.record("web").revisions[-1].image_collected
    assert stage.perform(remove).kind == "already"


def test_an_image_in_use_is_kept_and_not_asked_about_again() -> None:
    stage = Stage()
    stage.created()
    remove = actions.RemoveImage(**WHO, image=stage.image, fingerprint=stage.desired().fingerprint)
    outcome = stage.perform(remove)
    assert (outcome.kind, outcome.detail) == ("already", "kept: still in use")
    assert stage.journal.record("web").revisions[-1].image_collected


def test_an_image_of_a_revision_that_has_more_of_them_is_removed_and_nothing_noted_yet() -> None:
    stage = Stage()
    stage.pulled()
    stage.intent()
    assert stage.perform(actions.RemoveImage(**WHO, image=stage.image, fingerprint="")).kind == "done"
    assert not stage.journal.record("web").revisions[-1].image_collected


# Networks.


def test_a_network_is_created_once() -> None:
    stage = Stage()
    create = actions.CreateNetwork(**WHO, network="front")
    assert [stage.perform(create).kind for _ in range(2)] == ["done", "already"]
    assert stage.methods() == ["create_network"]


def test_a_container_is_connected_once_and_disconnected_once() -> None:
    stage = Stage()
    container = stage.created()
    stage.engine.create_network("front")
    connect = actions.ConnectNetwork(**WHO, container=container, network=NetworkAttachment("front", ("web",)))
    disconnect = actions.DisconnectNetwork(**WHO, container=container, network="front")
    kinds = [stage.perform(action).kind for action in (connect, connect, disconnect, disconnect)]
    assert kinds == ["done", "already", "done", "already"]
    assert stage.methods()[-2:] == ["connect", "disconnect"]


def test_a_missing_alias_is_a_reason_to_connect_again() -> None:
    stage = Stage()
    container = stage.created()
    stage.engine.create_network("front")
    stage.engine.connect(container.id, NetworkAttachment("front"))
    wanted = actions.ConnectNetwork(**WHO, container=container, network=NetworkAttachment("front", ("web",)))
    assert stage.perform(wanted).kind == "done"


# Name, restart policy, limits.


def test_a_container_is_renamed_once() -> None:
    stage = Stage()
    rename = actions.RenameContainer(**WHO, container=stage.created(), to="web")
    assert [stage.perform(rename).kind for _ in range(2)] == ["done", "already"]
    assert stage.engine.container("web").id == rename.container.id


def test_a_name_that_a_stranger_holds_is_not_taken() -> None:
    stage = Stage()
    stage.engine.by_hand.run("web")
    outcome = stage.perform(actions.RenameContainer(**WHO, container=stage.created(), to="web"))
    assert isinstance(outcome.error, NameTaken)


def test_a_restart_policy_is_set_once() -> None:
    stage = Stage()
    policy = RestartPolicy("on-failure", 3)
    action = actions.SetRestartPolicy(**WHO, container=stage.created(), policy=policy)
    assert [stage.perform(action).kind for _ in range(2)] == ["done", "already"]
    assert stage.engine.container("web-next-g1").config.restart_policy == policy


def test_limits_are_set_once_and_the_others_stay() -> None:
    stage = Stage(config=ContainerConfig(pids_limit=50))
    limits = actions.UpdateLimits(
        **WHO, container=stage.created(), memory_bytes=64 * MIB, memory_swap_bytes=64 * MIB
    )
    assert [stage.perform(limits).kind for _ in range(2)] == ["done", "already"]
    config = stage.engine.container("web-next-g1").config
    assert (config.memory_bytes, config.pids_limit) == (64 * MIB, 50)


class StubbornEngine(SimulatedEngine):
    """Says yes to what it then does not do."""

    def update_limits(self, container_id: str, limits: actions.UpdateLimits) -> None:
        return

    def stop(self, container_id: str, *, timeout_s: int | None) -> None:
        return

    def inspect_container(self, container_id: str) -> ContainerDetail | None:
        found = super().inspect_container(container_id)
        if found is not None and found.config.ports:
            object.__setattr__(found, "published", ())
        return found


def stubborn(config: ContainerConfig = PROBED) -> Stage:
    stage = Stage(config=config)
    stage.engine = StubbornEngine(clock=stage.clock, registry=stage.engine.registry)
    stage.executor = DockerExecutor(
        stage.engine,
        stage.journal,
        clock=stage.clock.monotonic,
        sleep=stage.clock.sleep,
        pull_deadline_s=60.0,
    )
    return stage


def test_limits_that_the_engine_did_not_take_are_named() -> None:
    stage = stubborn()
    outcome = stage.perform(actions.UpdateLimits(**WHO, container=stage.created(), pids_limit=10))
    assert isinstance(outcome.error, VerificationFailed)
    assert outcome.error.message.endswith("did not take: pids_limit")


# Start, stop, unpause, remove.


def test_a_container_is_started_once_with_its_ports() -> None:
    stage = Stage(config=ContainerConfig(ports=(PortBinding(80, host_port=8080),)))
    start = actions.StartContainer(**WHO, container=stage.created())
    assert [stage.perform(start).kind for _ in range(2)] == ["done", "already"]
    assert stage.engine.container("web-next-g1").published


def test_a_port_that_is_taken_fails_the_start() -> None:
    config = ContainerConfig(ports=(PortBinding(80, host_port=8080),))
    stage = Stage(config=config)
    stage.engine.by_hand.run("stranger", config=config)
    outcome = stage.perform(actions.StartContainer(**WHO, container=stage.created()))
    assert isinstance(outcome.error, PortTaken)


def test_ports_that_the_engine_did_not_publish_are_named() -> None:
    stage = stubborn(ContainerConfig(ports=(PortBinding(80, host_port=8080),)))
    outcome = stage.perform(actions.StartContainer(**WHO, container=stage.created()))
    assert isinstance(outcome.error, VerificationFailed)
    assert "did not publish 8080:80/tcp" in outcome.error.message


def test_a_container_that_ends_at_once_is_started_all_the_same() -> None:
    stage = Stage(behaviour=exits(1))
    assert stage.perform(actions.StartContainer(**WHO, container=stage.created())).kind == "done"


def test_a_stopped_container_tells_its_exit_code_and_is_stopped_once() -> None:
    stage = Stage(behaviour=Behaviour(exit_on_stop=143))
    stop = actions.StopContainer(**WHO, container=stage.started())
    first, again = stage.perform(stop), stage.perform(stop)
    assert (first.kind, first.detail, again.kind) == ("done", "exit code 143", "already")


def test_the_stop_timeout_of_the_action_is_used() -> None:
    stage = Stage(behaviour=Behaviour(ignores_stop_signal=True))
    stop = actions.StopContainer(**WHO, container=stage.started(), timeout_s=3)
    began = stage.clock.monotonic()
    assert stage.perform(stop).detail == "exit code 137"
    assert stage.clock.monotonic() - began == 3.0


def test_a_restarting_container_is_stopped_for_good() -> None:
    config = ContainerConfig(restart_policy=RestartPolicy("always"))
    stage = Stage(config=config, behaviour=exits(1, 1.0))
    container = stage.started()
    stage.clock.advance(1.0)
    assert stage.engine.container("web-next-g1").status == "restarting"
    assert stage.perform(actions.StopContainer(**WHO, container=container)).kind == "done"
    stage.clock.advance(60.0)
    assert stage.engine.container("web-next-g1").status == "exited"


def test_a_container_that_does_not_stop_is_an_error() -> None:
    stage = stubborn()
    outcome = stage.perform(actions.StopContainer(**WHO, container=stage.started()))
    assert isinstance(outcome.error, EngineRefused)
    assert "but it is running" in outcome.error.message


def test_stopping_and_removing_what_is_gone_is_success() -> None:
    stage = Stage()
    gone = ContainerRef("web", "no-such-id")
    stop = stage.perform(actions.StopContainer(**WHO, container=gone))
    assert (stop.kind, stop.detail) == ("already", "it is gone")
    assert stage.perform(actions.RemoveContainer(**WHO, container=gone)).kind == "already"


def test_a_container_that_goes_away_while_it_is_stopped_is_stopped() -> None:
    stage = Stage()
    container = stage.started()
    stop, engine = stage.engine.stop, stage.engine

    def stop_and_remove(container_id: str, *, timeout_s: int | None) -> None:
        stop(container_id, timeout_s=timeout_s)
        engine.by_hand.remove("web-next-g1")

    engine.stop = stop_and_remove  # type: ignore[method-assign]  # a person is quicker
    outcome = stage.perform(actions.StopContainer(**WHO, container=container))
    assert (outcome.kind, outcome.detail) == ("done", "it is gone")


def test_a_paused_container_is_unpaused_once() -> None:
    stage = Stage()
    unpause = actions.UnpauseContainer(**WHO, container=stage.started())
    stage.engine.by_hand.pause("web-next-g1")
    assert [stage.perform(unpause).kind for _ in range(2)] == ["done", "already"]


def test_a_stopped_container_is_removed_and_a_running_one_never() -> None:
    stage = Stage()
    remove = actions.RemoveContainer(**WHO, container=stage.started())
    refused = stage.perform(remove)
    assert isinstance(refused.error, EngineRefused)
    assert "it is running" in refused.error.message
    assert "remove" not in stage.methods()
    stage.engine.by_hand.stop("web-next-g1")
    assert [stage.perform(remove).kind for _ in range(2)] == ["done", "already"]


def test_anonymous_volumes_go_only_where_the_action_says_so() -> None:
    for volumes, left in ((False, 1), (True, 0)):
        stage = Stage()
        stage.image = stage.engine.registry.publish("shop/db", volumes=("/data",))
        remove = actions.RemoveContainer(**WHO, container=stage.created(), volumes=volumes)
        assert stage.perform(remove).kind == "done"
        assert stage.engine.anonymous_volumes == left


def test_a_replacement_is_removed_only_while_what_it_replaces_is_there() -> None:
    """Obligation: an engine that finishes a dead client's removal after we looked costs no data."""
    stage = Stage()
    created = stage.created()
    last = actions.RemoveContainer(**WHO, container=created, beside="web")
    refused = stage.perform(last)
    assert isinstance(refused.error, ComposeBusy)
    assert "web, which it was made to replace, has just gone" in refused.error.message
    assert "remove" not in stage.methods()
    there = actions.RemoveContainer(**WHO, container=created, beside=created.name)
    assert stage.perform(there).kind == "done"


# Waiting.


def test_waiting_for_health_tells_how_it_went() -> None:
    stage = Stage()
    action = actions.WaitHealthy(**WHO, container=stage.started(), timeout_ms=60_000, min_healthy_ms=2_000)
    before = stage.engine.mutations
    outcome = stage.perform(action)
    assert outcome.kind == "done"
    assert outcome.detail.startswith("healthy after 3")
    assert stage.engine.mutations == before


def test_waiting_for_what_is_gone_or_fails_is_an_unhealthy_outcome() -> None:
    stage = Stage(behaviour=exits(2, 1.0))
    reasons = []
    for container in (ContainerRef("web", "no-such-id"), stage.started()):
        action = actions.WaitHealthy(**WHO, container=container, timeout_ms=60_000, min_healthy_ms=5_000)
        error = stage.perform(action).error
        assert isinstance(error, Unhealthy)
        reasons.append(error.reason)
    assert reasons == ["gone", "exited"]


def test_a_job_that_ends_well_passes_where_that_counts() -> None:
    stage = Stage(behaviour=exits(0, 1.0))
    action = actions.WaitHealthy(
        **WHO, container=stage.started(), timeout_ms=60_000, min_healthy_ms=5_000, completes=True
    )
    assert stage.perform(action).kind == "done"


def test_a_stop_request_while_waiting_is_an_interrupted_outcome() -> None:
    stage = Stage()

    def sleep(seconds: float) -> None:
        raise Interrupted("stopped while waiting")

    executor = DockerExecutor(
        stage.engine, stage.journal, clock=stage.clock.monotonic, sleep=sleep, pull_deadline_s=60.0
    )
    action = actions.WaitHealthy(**WHO, container=stage.started(), timeout_ms=60_000, min_healthy_ms=5_000)
    assert isinstance(executor.perform(action, progress=stage.lines.append).error, Interrupted)


# Which container is meant.


def test_the_container_of_the_open_operation_is_found_by_the_history() -> None:
    stage = Stage()
    stage.created()
    start = actions.StartContainer(**WHO, container=ContainerRef("web", "", 1))
    assert stage.perform(start).kind == "done"
    assert "list_containers" not in [call.method for call in stage.engine.calls[-3:]]


def test_after_a_lost_answer_it_is_found_by_the_mark_of_its_operation() -> None:
    stage = Stage()
    stage.pulled()
    stage.intent()
    creation = stage.creation()
    container_id = stage.engine.create(
        "web-next-g1", image=stage.image, config=creation.config, labels=creation.labels
    )
    outcome = stage.perform(actions.StartContainer(**WHO, container=ContainerRef("web", "", 1)))
    assert (outcome.kind, outcome.container_id) == ("done", container_id)


def test_of_several_with_the_mark_the_name_decides_and_without_it_nothing_is_touched() -> None:
    stage = Stage()
    stage.pulled()
    stage.intent()
    creation = stage.creation()
    for name in ("web-next-g1", "copy"):
        stage.engine.create(name, image=stage.image, config=creation.config, labels=creation.labels)
    named = actions.StartContainer(**WHO, container=ContainerRef("web-next-g1", "", 1))
    assert stage.perform(named).container_id == stage.engine.container("web-next-g1").id
    before = stage.engine.mutations
    unclear = stage.perform(actions.StartContainer(**WHO, container=ContainerRef("web", "", 1)))
    assert isinstance(unclear.error, EngineRefused)
    assert "copy, web-next-g1" in unclear.error.message
    assert stage.engine.mutations == before


def test_a_container_that_never_came_to_be_is_not_there() -> None:
    stage = Stage()
    nobody = ContainerRef("web", "", 1)
    assert isinstance(stage.perform(actions.StartContainer(**WHO, container=nobody)).error, NotFound)
    assert stage.perform(actions.StopContainer(**WHO, container=nobody)).kind == "already"


# Faults.


@pytest.mark.parametrize("method", ["inspect_container", "start"])
def test_an_engine_that_does_not_answer_fails_the_action_and_raises_nothing(method: str) -> None:
    stage = Stage()
    container = stage.created()
    stage.engine.fail_when(method, EngineUnavailable("no answer"))
    outcome = stage.perform(actions.StartContainer(**WHO, container=container))
    assert outcome.kind == "failed"
    assert isinstance(outcome.error, EngineUnavailable)


def test_whatever_failed_once_is_done_by_doing_it_again() -> None:
    for after in (False, True):
        stage = Stage()
        start = actions.StartContainer(**WHO, container=stage.created())
        stage.engine.fail_when("start", EngineUnavailable("no answer"), after=after)
        assert stage.perform(start).kind == "failed"
        assert stage.perform(start).kind == ("already" if after else "done")
        assert stage.engine.container("web-next-g1").status == "running"
