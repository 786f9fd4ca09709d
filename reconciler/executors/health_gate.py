"""The health gate: when is a container good enough to take over, and when is it certainly not?

``judge`` decides from two snapshots and two durations; ``HealthGate`` polls one container and tells (a project's
are polled by ``project_gate``). "Healthy" alone proves
little: a process that dies every two seconds shows healthy in between. So a container passes only when it is
the same one, started once, running, and healthy where it has a check, without a break for ``min_healthy_ms``.

Invariants: what can only get worse ends the wait at once; nothing passes on one look unless the window is
zero or it is a job that ended well; the wait ends at the latest one window after ``timeout_ms``, which bounds
the time until the container is first good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.core.evidence import evidence
from reconciler.core.interfaces import Engine, Progress
from reconciler.core.observation import ContainerDetail
from reconciler.errors import EngineUnavailable, ReconcilerError, Unhealthy

FIRST_POLL_S = 0.05
LONGEST_POLL_S = 0.5
POLL_GROWTH = 1.5
SHORTEST_POLL_MS = 10
LOG_LINES = 10
SIGKILLED = 137
SILENT = "the engine does not answer"
ENDED_WITH_THE_ENGINE = frozenset({"exited", "restarting", "gone"})
"""Ends that an engine brings about when it is killed or restarted: nobody can say that they are the release's."""

Words = Callable[[], tuple[str, ...]]
"""Spellings of secrets, asked for when a container has failed. May raise a ReconcilerError."""


def no_words() -> tuple[str, ...]:
    """Where nothing is secret."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is waited for. ``completes``: ending with 0 counts as healthy."""

    timeout_ms: int
    min_healthy_ms: int
    completes: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet. ``good_since_ms``: since when it has been good without a break, None while it is not."""

    state: str
    good_since_ms: int | None


@dataclass(frozen=True, slots=True)
class Passed:
    state: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It will not become healthy. ``reason`` is one of ``Unhealthy.REASONS``; ``seen`` is the last look."""

    reason: str
    state: str
    seen: ContainerDetail | None = None


Judgement = Waiting | Passed | Failed


def judge(
    ask: Ask,
    first: ContainerDetail,
    now: ContainerDetail | None,
    *,
    elapsed_ms: int,
    good_since_ms: int | None,
) -> Judgement:
    """Judge one look. ``first`` is the container as the wait began, ``elapsed_ms`` the time since then and
    ``good_since_ms`` what the judgement before said.
    """
    if now is None:
        return Failed("gone", "it is gone")
    end = _changed(first, now) or _ended(ask, now) or _spoiled(first, now)
    if end is None and now.health in {"starting", "unhealthy"}:
        if elapsed_ms < ask.timeout_ms:
            return Waiting(now.health, None)
        end = Failed("timeout", f"its health check did not succeed within {seconds(ask.timeout_ms)}")
    if end is not None:
        return replace(end, seen=now) if isinstance(end, Failed) else end
    since = elapsed_ms if good_since_ms is None else good_since_ms
    state = "healthy" if now.health == "healthy" else "running"
    return Passed(state) if elapsed_ms - since >= ask.min_healthy_ms else Waiting(state, since)


def _changed(first: ContainerDetail, now: ContainerDetail) -> Failed | None:
    if now.id != first.id:
        return Failed("replaced", "another container took its place")
    if now.status == "restarting":
        return Failed("restarting", "it ended and the engine restarts it")
    if now.restart_count != first.restart_count:
        return Failed("restarting", "it ended and the engine restarted it")
    if now.started_at != first.started_at:
        return Failed("restarting", "it was started again while we waited")
    return None


def _ended(ask: Ask, now: ContainerDetail) -> Failed | Passed | None:
    if now.status in {"running", "paused"}:
        return None
    if now.oom_killed:
        return Failed("oom-killed", "it was killed for want of memory")
    if now.status == "exited" and now.exit_code == 0 and ask.completes:
        return Passed("ended with 0")
    if now.status == "created":
        return Failed("exited", "it was never started")
    if now.status == "removing":
        return Failed("gone", "it is being removed")
    return Failed("exited", "it ended")


def _spoiled(first: ContainerDetail, now: ContainerDetail) -> Failed | None:
    """Still there, and lost all the same. An old out-of-memory mark says nothing about this wait, nor does a
    check that failed before it: the engine calls a container unhealthy from its pause to its next probe.
    """
    if now.status == "paused":
        return Failed("paused", "it is paused")
    if now.oom_killed and not first.oom_killed:
        return Failed("oom-killed", "a process in it was killed for want of memory")
    if now.health == "unhealthy" and first.health != "unhealthy":
        return Failed("unhealthy", "its health check fails")
    return None


class HealthGate:
    """Polls a container until ``judge`` has decided: quick at first, so that nobody waits for the gate.

    ``clock`` is monotonic seconds. ``sleep`` takes seconds; it may raise ``Interrupted`` to end the wait. An
    engine that does not answer is asked again until the timeout; the good time seen before it fell silent no
    longer counts, and a container that ended meanwhile is not held against its release.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        engine_breaks: Callable[[], int] = lambda: 0,
    ) -> None:
        self._engine = engine
        self._breaks = engine_breaks
        self._clock = clock
        self._sleep = sleep

    def wait(self, name: str, container_id: str, *, ask: Ask, progress: Progress, words: Words = no_words) -> str:
        """In which state it passed, and after how long. ``words`` are not to be told of what it says. Raises
        Unhealthy, EngineUnavailable and what ``sleep`` raises.
        """
        began, elapsed_ms = self._clock(), 0
        first = self._engine.inspect_container(container_id)
        if first is None:
            raise unhealthy(self._engine, name, container_id, Failed("gone", "it is gone"), environment={})
        judgement = judge(ask, first, first, elapsed_ms=0, good_since_ms=None)
        waits, told, silent, breaks = pauses(), "", False, self._breaks()
        while isinstance(judgement, Waiting):
            silent |= judgement.state == SILENT
            told = _tell(ask, judgement, elapsed_ms, told=told, progress=progress)
            self._sleep(min(next(waits), remaining_s(ask, judgement.good_since_ms, elapsed_ms)))
            elapsed_ms = round((self._clock() - began) * 1000)
            judgement = self._look(ask, first, judgement, elapsed_ms=elapsed_ms)
        if isinstance(judgement, Failed):
            silent |= self._breaks() != breaks
            if silent and judgement.reason in ENDED_WITH_THE_ENGINE:
                raise EngineUnavailable(f"the engine went away while {name} was waited for: {judgement.state}")
            environment = first.config.environment or {}
            raise unhealthy(self._engine, name, container_id, judgement, environment=environment, words=words)
        return f"{judgement.state} after {seconds(elapsed_ms)}"

    def _look(self, ask: Ask, first: ContainerDetail, before: Waiting, *, elapsed_ms: int) -> Judgement:
        try:
            now = self._engine.inspect_container(first.id)
        except EngineUnavailable:
            if elapsed_ms >= ask.timeout_ms:
                raise
            return Waiting(SILENT, None)
        return judge(ask, first, now, elapsed_ms=elapsed_ms, good_since_ms=before.good_since_ms)


def unhealthy(  # noqa: PLR0913  (each said by name)
    engine: Engine,
    name: str,
    container_id: str,
    failed: Failed,
    *,
    environment: Mapping[str, str],
    words: Words = no_words,
    hint: str = "",
) -> Unhealthy:
    """The error for a container that failed: what an operator needs to see of it, its secrets masked."""
    opened: tuple[str, ...] = ()
    try:
        opened = words()
        lines = engine.logs(container_id, lines=LOG_LINES)
    except ReconcilerError as error:
        lines = (f"(no log lines: {error.message})",)
    report = evidence(failed.seen, lines, environment=environment, opened=opened)
    message = f"{name} is not healthy: {failed.state}{report}"
    return Unhealthy(message, reason=failed.reason, hint=hint, outside=_killed(failed.seen))


def _killed(seen: ContainerDetail | None) -> bool:
    """Whether it ended by SIGKILL (128 + 9) and not for want of memory. An engine that dies does so to its
    containers when it comes back, and the wait may not have noticed that it was away.
    """
    return seen is not None and seen.status == "exited" and seen.exit_code == SIGKILLED and not seen.oom_killed


def pauses() -> Iterator[float]:
    """Seconds between looks: 0.05 growing to 0.5."""
    pause = FIRST_POLL_S
    while True:
        yield pause
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_S)


def remaining_s(ask: Ask, good_since_ms: int | None, elapsed_ms: int) -> float:
    """Seconds until the next moment at which waiting may end, so that no pause sleeps past it."""
    end_ms = ask.timeout_ms if good_since_ms is None else good_since_ms + ask.min_healthy_ms
    return max(end_ms - elapsed_ms, SHORTEST_POLL_MS) / 1000


def _tell(ask: Ask, waiting: Waiting, elapsed_ms: int, *, told: str, progress: Progress) -> str:
    """One line for each change, at most one a second otherwise. Returns what was told last."""
    if waiting.good_since_ms is None:
        line = f"{waiting.state}, {elapsed_ms // 1000}s of {seconds(ask.timeout_ms)}"
    else:
        well_ms = elapsed_ms - waiting.good_since_ms
        line = f"{waiting.state} for {well_ms // 1000}s of {seconds(ask.min_healthy_ms)}"
    if line != told:
        progress(line)
    return line


def seconds(milliseconds: int) -> str:
    """A duration for people, in seconds."""
    return f"{milliseconds / 1000:g}s"
