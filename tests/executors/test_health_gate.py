from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig, RestartPolicy
from reconciler.core.observation import ContainerDetail, Health, Status
from reconciler.errors import EngineUnavailable, Interrupted, Unhealthy
from reconciler.executors.health_gate import Ask, Failed, HealthGate, Judgement, Passed, Waiting, judge
from tests.executors.stage import PROBE, Stage
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

ASK = Ask(timeout_ms=60_000, min_healthy_ms=5_000)
FIRST = ContainerDetail(
    id="c1",
    name="web",
    image_id="i1",
    image_reference="web@sha256:1",
    config=ContainerConfig(),
    status="running",
    started_at="10:00",
)


def seen(**changes: object) -> ContainerDetail:
    return replace(FIRST, **changes)  # type: ignore[arg-type]  # fields by name


def judged(
    now: ContainerDetail | None, *, ask: Ask = ASK, elapsed: int = 1_000, since: int | None = None
) -> Judgement:
    return judge(ask, FIRST, now, elapsed_ms=elapsed, good_since_ms=since)


def failure(now: ContainerDetail | None, **changes: int) -> str:
    judgement = judged(now, **changes)  # type: ignore[arg-type]  # elapsed and since only
    assert isinstance(judgement, Failed)
    assert judgement.reason in Unhealthy.REASONS
    assert judgement.seen is now
    return judgement.reason


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (None, "gone"),
        (seen(status="removing"), "gone"),
        (seen(id="c2"), "replaced"),
        (seen(status="restarting"), "restarting"),
        (seen(restart_count=1), "restarting"),
        (seen(started_at="10:01"), "restarting"),
        (seen(status="exited", exit_code=3), "exited"),
        (seen(status="exited"), "exited"),
        (seen(status="dead"), "exited"),
        (seen(status="created"), "exited"),
        (seen(status="exited", oom_killed=True, exit_code=137), "oom-killed"),
        (seen(oom_killed=True), "oom-killed"),
        (seen(status="paused"), "paused"),
        (seen(health="unhealthy"), "unhealthy"),
    ],
)
def test_what_can_only_get_worse_ends_the_wait_at_once(now: ContainerDetail | None, reason: str) -> None:
    assert failure(now) == reason


def test_a_job_that_ended_with_0_passes_only_where_that_counts() -> None:
    now = seen(status="exited")
    assert isinstance(judged(now, ask=replace(ASK, completes=True)), Passed)
    assert failure(now) == "exited"


def test_a_job_that_failed_or_was_killed_for_memory_does_not_pass() -> None:
    ask = replace(ASK, completes=True)
    for now in (seen(status="exited", exit_code=1), seen(status="exited", oom_killed=True)):
        assert isinstance(judged(now, ask=ask), Failed)


def test_an_out_of_memory_mark_from_before_the_wait_does_not_count() -> None:
    before = seen(oom_killed=True)
    assert isinstance(judge(ASK, before, before, elapsed_ms=10_000, good_since_ms=0), Passed)


def test_healthy_once_is_not_enough() -> None:
    assert judged(seen(health="healthy"), elapsed=1_000) == Waiting("healthy", 1_000)
    assert judged(seen(health="healthy"), elapsed=5_999, since=1_000) == Waiting("healthy", 1_000)
    assert judged(seen(health="healthy"), elapsed=6_000, since=1_000) == Passed("healthy")


def test_without_a_health_check_running_for_the_window_is_enough() -> None:
    assert judged(seen(), elapsed=4_999, since=0) == Waiting("running", 0)
    assert judged(seen(), elapsed=5_000, since=0) == Passed("running")


def test_starting_again_forgets_the_good_time() -> None:
    assert judged(seen(health="starting"), elapsed=4_000, since=1_000) == Waiting("starting", None)


def test_the_timeout_bounds_the_time_until_good_and_not_the_window_after_it() -> None:
    assert failure(seen(health="starting"), elapsed=60_000) == "timeout"
    assert isinstance(judged(seen(health="healthy"), elapsed=61_000, since=59_000), Waiting)


LOOKS = st.lists(
    st.tuples(
        st.sampled_from(["running"] * 8 + ["paused", "exited", "restarting", "created", "dead", "removing"]),
        st.sampled_from(["none", "starting", "healthy", "healthy", "healthy", "unhealthy"]),
        st.integers(10, 2_000),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


@given(LOOKS, st.integers(0, 8_000), st.integers(1, 20_000), st.booleans())
def test_whatever_is_seen_a_pass_had_a_whole_good_window_or_was_a_finished_job(
    looks: list[tuple[Status, Health, int, bool]], window: int, timeout: int, completes: bool
) -> None:
    ask = Ask(timeout_ms=timeout, min_healthy_ms=window, completes=completes)
    elapsed, since, good_from = 0, None, None
    for status, health, pause, restarted in looks:
        now = seen(status=status, health=health, restart_count=int(restarted and pause > 1_900))
        judgement = judge(ask, FIRST, now, elapsed_ms=elapsed, good_since_ms=since)
        good = status == "running" and health in {"none", "healthy"} and now.restart_count == 0
        good_from = (elapsed if good_from is None else good_from) if good else None
        if isinstance(judgement, Passed):
            job = status == "exited" and completes and now.restart_count == 0
            assert job or (good_from is not None and elapsed - good_from >= window)
            return
        if isinstance(judgement, Failed):
            assert not good
            return
        assert status == "running"
        assert good or elapsed < timeout
        assert judgement.good_since_ms == good_from
        since = judgement.good_since_ms
        elapsed += pause


def wait(stage: Stage, ask: Ask = ASK) -> str:
    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=stage.clock.sleep)
    return gate.wait("web", stage.started().id, ask=ask, progress=stage.lines.append)


def test_a_healthy_container_is_not_waited_for_longer_than_its_window() -> None:
    stage = Stage(behaviour=healthy(2.0))
    began = stage.clock.monotonic()
    assert wait(stage).startswith("healthy after 7")
    assert stage.clock.monotonic() - began < 2.0 + 5.0 + 0.5


def test_no_pause_sleeps_past_the_end_of_the_window() -> None:
    stage = Stage(behaviour=healthy(0.0))
    assert wait(stage, Ask(timeout_ms=60_000, min_healthy_ms=1_234)) == "healthy after 1.234s"


def test_a_zero_window_passes_on_the_first_good_look() -> None:
    assert wait(Stage(behaviour=healthy(0.0)), Ask(timeout_ms=1_000, min_healthy_ms=0)) == "healthy after 0s"


def test_progress_says_what_is_waited_for_about_once_a_second() -> None:
    stage = Stage(behaviour=healthy(3.2))
    wait(stage)
    told = [line for line in stage.lines if " of " in line]
    assert told[:4] == ["starting, 0s of 60s", "starting, 1s of 60s", "starting, 2s of 60s", "starting, 3s of 60s"]
    assert told[4:] == [f"healthy for {second}s of 5s" for second in range(5)]


@pytest.mark.parametrize(
    ("behaviour", "reason", "within_s"),
    [
        (never_healthy(), "timeout", 60.6),
        (unhealthy(1.0), "unhealthy", 1.6),
        (flips(1.0, 3.0), "unhealthy", 3.6),
        (exits(3, 2.0), "exited", 2.6),
        (exits(0, 0.0), "exited", 0.1),
        (killed_by_oom(2.0), "oom-killed", 2.6),
    ],
)
def test_each_way_to_fail_is_told_as_soon_as_it_shows(behaviour: Behaviour, reason: str, within_s: float) -> None:
    stage = Stage(behaviour=behaviour)
    began = stage.clock.monotonic()
    with pytest.raises(Unhealthy) as caught:
        wait(stage)
    assert caught.value.reason == reason
    assert stage.clock.monotonic() - began <= within_s


def test_a_crash_loop_that_shows_healthy_in_between_does_not_pass() -> None:
    config = ContainerConfig(health=PROBE, restart_policy=RestartPolicy("always"))
    with pytest.raises(Unhealthy) as caught:
        wait(Stage(config=config, behaviour=exits(1, 4.0)))
    assert caught.value.reason == "restarting"


def test_the_error_shows_exit_code_last_probe_and_last_log_lines() -> None:
    logs = tuple(f"line {number}" for number in range(20))
    behaviour = Behaviour(steps=(Step(0.5, "healthy"), Step(1.0, "exit", 3)), logs=logs)
    with pytest.raises(Unhealthy) as caught:
        wait(Stage(behaviour=behaviour))
    lines = caught.value.message.splitlines()
    assert lines[:4] == [
        "web is not healthy: it ended",
        "  exit code 3",
        "  last health check: probe: healthy",
        "  last log lines:",
    ]
    assert lines[4:] == [f"    line {number}" for number in range(10, 20)]


def test_the_error_keeps_the_secrets_of_the_environment() -> None:
    config = ContainerConfig(environment={"DB_PASSWORD": "hunter2", "USER": "shop"})
    with pytest.raises(Unhealthy) as caught:
        wait(Stage(config=config, behaviour=exits(1, 0.0, logs=("denied: shop/hunter2",))))
    assert caught.value.message.endswith("    denied: shop/***")


def test_log_lines_that_cannot_be_had_do_not_hide_the_failure() -> None:
    stage = Stage(behaviour=exits(3, 0.0))
    stage.engine.fail_when("logs", EngineUnavailable("no answer"))
    with pytest.raises(Unhealthy, match=r"no log lines: no answer"):
        wait(stage)


def test_a_container_that_is_gone_before_the_first_look_is_unhealthy() -> None:
    stage = Stage()
    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=stage.clock.sleep)
    with pytest.raises(Unhealthy) as caught:
        gate.wait("web", "no-such-id", ask=ASK, progress=stage.lines.append)
    assert caught.value.reason == "gone"


def test_an_engine_that_is_silent_for_a_moment_costs_the_good_time_and_no_more() -> None:
    stage = Stage(behaviour=healthy(0.0))
    container = stage.started()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        slept.append(seconds)
        if len(slept) == 5:
            stage.engine.fail_when("inspect_container", EngineUnavailable("no answer"))

    began = stage.clock.monotonic()
    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=sleep)
    gate.wait("web", container.id, ask=ASK, progress=stage.lines.append)
    assert any(line.startswith("the engine does not answer") for line in stage.lines)
    assert stage.clock.monotonic() - began > 5.0 + sum(slept[:5])


@pytest.mark.parametrize("ends", ["crash", "restart"])
def test_a_container_that_ended_with_its_engine_is_not_held_against_its_release(ends: str) -> None:
    stage = Stage(behaviour=healthy(0.0))
    container = stage.started()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        slept.append(seconds)
        if len(slept) == 3:
            stage.engine.fail_when("inspect_container", EngineUnavailable("no answer"))
        if len(slept) == 4:
            getattr(stage.engine, ends)()

    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=sleep)
    with pytest.raises(EngineUnavailable, match="went away while web was waited for"):
        gate.wait("web", container.id, ask=ASK, progress=stage.lines.append)


def test_a_check_that_fails_after_the_engine_was_silent_is_the_releases_own() -> None:
    stage = Stage(behaviour=never_healthy())
    container = stage.started()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        slept.append(seconds)
        if len(slept) == 1:
            stage.engine.fail_when("inspect_container", EngineUnavailable("no answer"))

    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=sleep)
    with pytest.raises(Unhealthy):
        gate.wait("web", container.id, ask=ASK, progress=stage.lines.append)


def test_an_engine_that_stays_silent_ends_the_wait_at_the_timeout() -> None:
    stage = Stage(behaviour=never_healthy())
    container = stage.started()

    def sleep(seconds: float) -> None:
        stage.clock.sleep(seconds)
        stage.engine.go_away()

    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=sleep)
    with pytest.raises(EngineUnavailable):
        gate.wait("web", container.id, ask=ASK, progress=stage.lines.append)
    assert 60.0 <= stage.clock.monotonic() < 61.0


def test_a_stop_request_ends_the_wait() -> None:
    stage = Stage()

    def sleep(seconds: float) -> None:
        raise Interrupted("stopped while waiting")

    gate = HealthGate(stage.engine, clock=stage.clock.monotonic, sleep=sleep)
    with pytest.raises(Interrupted):
        gate.wait("web", stage.started().id, ask=ASK, progress=stage.lines.append)


def test_a_check_that_failed_before_the_wait_may_still_succeed() -> None:
    before = seen(health="unhealthy")
    waiting = judge(ASK, before, before, elapsed_ms=1_000, good_since_ms=None)
    assert waiting == Waiting("unhealthy", None)
    assert judge(ASK, before, seen(health="healthy"), elapsed_ms=2_000, good_since_ms=None) == Waiting(
        "healthy", 2_000
    )
    late = judge(ASK, before, before, elapsed_ms=60_000, good_since_ms=None)
    assert isinstance(late, Failed)
    assert late.reason == "timeout"


def test_an_engine_that_died_and_came_back_unnoticed_is_not_held_against_the_release() -> None:
    stage = Stage(behaviour=exits(0, 2.0))
    breaks = iter([0, 1])
    gate = HealthGate(
        stage.engine, clock=stage.clock.monotonic, sleep=stage.clock.sleep, engine_breaks=lambda: next(breaks)
    )
    container = stage.started()
    with pytest.raises(EngineUnavailable, match="went away while web was waited for"):
        gate.wait("web", container.id, ask=ASK, progress=stage.lines.append)
