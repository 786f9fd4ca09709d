"""When a whole project is good enough, and when one of its services certainly is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import action as actions
from reconciler.core.action import Action
from reconciler.core.container import ContainerConfig
from reconciler.core.outcome import Outcome
from reconciler.errors import EngineUnavailable, Interrupted, Unhealthy
from reconciler.executors.project_gate import LOOKS_PER_S
from tests.executors.project_stage import PROBED, ProjectStage
from tests.simulator.behaviour import (
    Behaviour,
    Step,
    exits,
    flips,
    healthy,
    killed_by_oom,
    never_healthy,
    unhealthy,
)

WINDOW: dict[str, Any] = {"timeout_ms": 60_000, "min_healthy_ms": 5_000}


def running(**options: Any) -> ProjectStage:
    """Every service was just started."""
    stage = ProjectStage(**options)
    stage.do(actions.WriteRevision)
    stage.do(actions.ComposeUp)
    for service in stage.project.services:
        outcome = stage.do(actions.StartService, service=service.name)
        assert outcome.kind == "done", outcome.error
    return stage


def wait(stage: ProjectStage, **changes: Any) -> Outcome:
    return stage.do(actions.WaitProject, **{**WINDOW, **changes})


def unhealthy_because(stage: ProjectStage, kind: type[Action] = actions.WaitProject, **fields: Any) -> Unhealthy:
    outcome = stage.do(kind, **(fields or WINDOW))
    assert isinstance(outcome.error, Unhealthy), outcome
    return outcome.error


def test_all_services_pass_together_one_window_after_the_last_got_healthy() -> None:
    stage = running(web=healthy(3.0), db=healthy(1.0))
    began = stage.clock.monotonic()
    outcome = wait(stage)
    assert outcome.kind == "done"
    assert outcome.detail.startswith("all 3 services healthy after ")
    assert 8.0 <= stage.clock.monotonic() - began < 3.0 + 5.0 + 0.6


def test_no_pause_sleeps_past_the_end_of_the_window() -> None:
    stage = running(web=healthy(0.0), db=healthy(0.0))
    assert wait(stage, min_healthy_ms=1_234).detail == "all 3 services healthy after 1.234s"


def test_a_zero_window_passes_on_the_first_good_look() -> None:
    stage = running(web=healthy(0.0), db=healthy(0.0))
    assert wait(stage, min_healthy_ms=0).detail == "all 3 services healthy after 0s"


def test_progress_says_which_services_are_waited_for_and_how_they_are() -> None:
    stage = running(web=healthy(2.2), db=healthy(0.0))
    wait(stage)
    told = [line for line in stage.lines if " of " in line]
    assert told[:3] == [
        f"2 of 3 services healthy, waiting for web: starting {second}s of 60s" for second in range(3)
    ]
    assert told[3:] == [f"all 3 services healthy for {second}s of 5s" for second in range(5)]


@pytest.mark.parametrize(
    ("web", "reason", "within_s"),
    [
        (never_healthy(), "timeout", 60.6),
        (unhealthy(1.0), "unhealthy", 1.6),
        (flips(1.0, 3.0), "unhealthy", 3.6),
        (exits(3, 2.0), "exited", 2.6),
        (exits(0, 0.0), "exited", 0.1),
        (killed_by_oom(2.0), "oom-killed", 2.6),
    ],
)
def test_one_service_that_fails_ends_the_wait_at_once_and_is_named(
    web: Behaviour, reason: str, within_s: float
) -> None:
    stage = running(web=web, db=healthy(0.5))
    began = stage.clock.monotonic()
    error = unhealthy_because(stage)
    assert error.reason == reason
    assert error.message.startswith("service web (shop-web-1) is not healthy: ")
    assert error.hint
    assert stage.clock.monotonic() - began <= within_s


def test_a_job_that_fails_is_not_done() -> None:
    error = unhealthy_because(running(job=exits(3, 1.0, logs=("no such table",))))
    assert error.reason == "exited"
    assert error.message.splitlines()[:2] == ["service job (shop-job-1) is not healthy: it ended", "  exit code 3"]
    assert error.message.endswith("    no such table")
    assert "keep running" not in error.hint


def test_a_service_that_ended_with_0_is_told_how_to_be_a_job() -> None:
    assert 'restart: "no"' in unhealthy_because(running(web=exits(0))).hint


def test_a_job_that_is_done_is_not_asked_about_again() -> None:
    stage = running()
    job = stage.id_of("shop-job-1")
    asked = 0
    real = stage.engine.inspect_container

    def inspect(container_id: str) -> Any:
        nonlocal asked
        asked += container_id == job
        return real(container_id)

    stage.engine.inspect_container = inspect  # type: ignore[method-assign]  # to count
    assert wait(stage).kind == "done"
    assert asked == 1


def test_many_containers_do_not_keep_the_engine_busy() -> None:
    stage = running(replicas=40, web=healthy(0.0), db=healthy(0.0))
    stage.engine.calls.clear()
    assert wait(stage, min_healthy_ms=10_000).kind == "done"
    looks = sum(call.method == "inspect_container" for call in stage.engine.calls)
    assert looks <= LOOKS_PER_S * 10 + 2 * 42


def test_a_service_that_falls_ill_while_another_is_waited_for_is_noticed() -> None:
    flipping = Behaviour(steps=(Step(0.0, "healthy"), Step(8.0, "unhealthy")))
    error = unhealthy_because(running(db=flipping, web=healthy(20.0)))
    assert error.message.startswith("service db ")


def test_every_replica_counts() -> None:
    stage = running(replicas=2)
    stage.engine.behave(stage.id_of("shop-web-2"), never_healthy())
    assert "shop-web-2" in unhealthy_because(stage).message


def test_a_service_without_containers_and_one_that_was_never_started_are_not_healthy() -> None:
    stage = running(replicas=2)
    stage.engine.by_hand.remove("shop-web-2")
    error = unhealthy_because(stage)
    assert (error.reason, "1 of 2 containers are there" in error.message, error.outside) == ("gone", True, True)
    stage = running()
    stage.engine.by_hand.remove("shop-web-1")
    assert "it is gone" in unhealthy_because(stage).message
    stage = ProjectStage()
    stage.do(actions.WriteRevision)
    stage.do(actions.ComposeUp)
    assert "it was never started" in unhealthy_because(stage).message


def test_a_container_that_vanishes_before_or_during_the_wait_is_gone() -> None:
    stage = running()
    real = stage.engine.inspect_container
    web = stage.id_of("shop-web-1")
    stage.engine.inspect_container = (  # type: ignore[method-assign]  # it goes between list and inspect
        lambda container_id: None if container_id == web else real(container_id)
    )
    assert (unhealthy_because(stage).reason, unhealthy_because(stage).outside) == ("gone", True)
    stage = running()

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        if stage.engine.host.named("shop-db-1"):
            stage.engine.by_hand.remove("shop-db-1")

    stage.executor = stage.make_executor(sleep)
    assert (unhealthy_because(stage).reason, unhealthy_because(stage).outside) == ("gone", True)


def test_the_error_keeps_the_secrets_of_the_failing_services_environment() -> None:
    config = ContainerConfig(environment={"DB_PASSWORD": "hunter2"})
    stage = running(config=config, web=exits(1, 0.0, logs=("denied: shop/hunter2",)))
    assert unhealthy_because(stage).message.endswith("    denied: shop/***")


# The engine.


def silent_at(stage: ProjectStage, look: int, and_then: str = "") -> None:
    """No answer at one look of the wait, and the engine's end at the next."""
    slept = 0

    def sleep(seconds: float) -> None:
        nonlocal slept
        stage.clock.sleep(seconds)
        slept += 1
        if slept == look:
            stage.engine.fail_when("inspect_container", EngineUnavailable("no answer"))
        if slept == look + 1 and and_then:
            getattr(stage.engine, and_then)()

    stage.executor = stage.make_executor(sleep)


def test_an_engine_that_is_silent_for_a_moment_costs_the_good_time_and_no_more() -> None:
    stage = running(web=healthy(0.0), db=healthy(0.0))
    silent_at(stage, 8)
    began = stage.clock.monotonic()
    assert wait(stage).kind == "done"
    assert any("the engine does not answer" in line for line in stage.lines)
    assert stage.clock.monotonic() - began > 6.5


@pytest.mark.parametrize("ends", ["crash", "restart"])
def test_services_that_ended_with_their_engine_are_not_held_against_the_release(ends: str) -> None:
    stage = running(web=healthy(0.0), db=healthy(0.0))
    silent_at(stage, 3, ends)
    error = wait(stage).error
    assert isinstance(error, EngineUnavailable)
    assert "went away while service" in error.message


def test_an_engine_that_died_and_came_back_unnoticed_is_not_held_against_the_release() -> None:
    breaks = iter([0, 1])
    stage = running(web=exits(0, 2.0), breaks=lambda: next(breaks))
    assert isinstance(wait(stage).error, EngineUnavailable)


def test_an_engine_that_stays_silent_ends_the_wait_at_the_timeout() -> None:
    stage = running(web=never_healthy())

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        stage.engine.go_away()

    stage.executor = stage.make_executor(sleep)
    began = stage.clock.monotonic()
    assert isinstance(wait(stage).error, EngineUnavailable)
    assert 60.0 <= stage.clock.monotonic() - began < 61.0


def test_a_stop_request_ends_the_wait() -> None:
    stage = running()

    def sleep(seconds: float) -> None:
        raise Interrupted("stopped while waiting")

    stage.executor = stage.make_executor(sleep)
    assert isinstance(wait(stage).error, Interrupted)


# One service, for those that need it.


def wait_service(stage: ProjectStage, service: str, condition: str, timeout_ms: int = 30_000) -> Outcome:
    return stage.do(actions.WaitService, service=service, condition=condition, timeout_ms=timeout_ms)


def test_a_healthy_service_is_waited_for_without_a_window() -> None:
    stage = running(db=healthy(2.0))
    began = stage.clock.monotonic()
    assert wait_service(stage, "db", "healthy").detail.startswith("healthy after 2")
    assert stage.clock.monotonic() - began < 2.6


def test_a_completed_job_is_waited_for_until_it_ends_with_0() -> None:
    stage = running(job=exits(0, 7.0))
    outcome = wait_service(stage, "job", "completed")
    assert outcome.detail.startswith("ended with 0 after 7")
    assert "0 of 1 services healthy, waiting for job: at work 3s of 30s" in stage.lines
    assert wait_service(stage, "job", "completed").detail == "ended with 0 after 0s"


def test_a_long_job_is_not_asked_about_more_often_than_any_other() -> None:
    stage = running(job=exits(0, 20.0))
    stage.engine.calls.clear()
    assert wait_service(stage, "job", "completed").kind == "done"
    assert sum(call.method == "inspect_container" for call in stage.engine.calls) < 50


def test_a_needed_job_that_fails_or_does_not_end_in_time_is_told_with_its_log() -> None:
    options = {"service": "job", "condition": "completed", "timeout_ms": 5_000}
    failing = running(job=exits(3, 1.0, logs=("no such table",)))
    error = unhealthy_because(failing, actions.WaitService, **options)
    assert (error.reason, error.message.endswith("no such table")) == ("exited", True)
    endless = running(job=healthy())
    error = unhealthy_because(endless, actions.WaitService, **options)
    assert (error.reason, "did not end within 5s" in error.message) == ("timeout", True)


def test_a_service_that_needs_another_to_be_started_does_not_wait_for_its_health() -> None:
    stage = running(db=never_healthy())
    assert wait_service(stage, "db", "started").detail == "started after 0s"
    assert wait_service(running(db=exits(3)), "db", "started").kind == "done"
    stage = ProjectStage()
    stage.do(actions.WriteRevision)
    stage.do(actions.ComposeUp)
    options = {"service": "db", "condition": "started", "timeout_ms": 5_000}
    assert "never started" in unhealthy_because(stage, actions.WaitService, **options).message


STEPS = st.lists(
    st.builds(Step, st.floats(0.0, 15.0), st.sampled_from(["healthy", "unhealthy", "exit"]), st.integers(0, 1)),
    max_size=4,
)


@given(web=STEPS, db=STEPS, job=st.integers(0, 1), window=st.integers(0, 6_000))
def test_whatever_the_services_do_a_project_that_passed_was_good_as_a_whole(
    web: list[Step], db: list[Step], job: int, window: int
) -> None:
    stage = running(
        web=Behaviour(steps=tuple(sorted(web, key=lambda step: step.after_s))),
        db=Behaviour(steps=tuple(sorted(db, key=lambda step: step.after_s))),
        job=exits(job, 1.0),
        config=PROBED,
    )
    began = stage.clock.monotonic()
    outcome = wait(stage, timeout_ms=20_000, min_healthy_ms=window)
    took = stage.clock.monotonic() - began
    assert took <= 20.0 + window / 1000 + 0.6
    if outcome.kind == "done":
        assert all(stage.engine.container(f"shop-{name}-1").health == "healthy" for name in ("web", "db"))
        ended = stage.engine.container("shop-job-1")
        assert ended.exit_code == 0
    else:
        assert isinstance(outcome.error, Unhealthy)
