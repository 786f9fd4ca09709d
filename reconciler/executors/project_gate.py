"""The gate of a project: when are all its services good enough together, and when is one of them certainly not?

Every container is judged by the health gate's own rules (``judge``); here they are polled side by side. A project
passes when at one and the same look each of its services has been good without a break for the window, and each of
its jobs has ended with 0. The first that fails ends the wait for all.

Invariants: as for one container; a job that is done is not asked about again; the engine is asked at most
``LOOKS_PER_S`` times a second, however many containers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.core.interfaces import Engine, Progress
from reconciler.core.observation import ContainerDetail
from reconciler.core.project import NeedCondition
from reconciler.errors import EngineUnavailable, Unhealthy
from reconciler.executors.health_gate import (
    ENDED_WITH_THE_ENGINE,
    SILENT,
    Ask,
    Failed,
    Judgement,
    Passed,
    Waiting,
    Words,
    judge,
    no_words,
    pauses,
    remaining_s,
    seconds,
    unhealthy,
)

LOOKS_PER_S = 50

HINTS = {
    "timeout": "let the service become healthy sooner, or raise spec.config.healthCheck.timeout",
    "oom-killed": "raise its memory limit in the lock file",
    "exited": 'a service must keep running; one that is meant to end needs `restart: "no"` in the lock file',
}
"""What to do, by the reason of a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One container that is waited for. ``until``: ``healthy`` as the health gate means it, ``completed``: ended
    with 0 and nothing else, ``started``: it was started.
    """

    service: str
    name: str
    container_id: str
    completes: bool = False
    until: NeedCondition = "healthy"

    def __str__(self) -> str:
        return f"service {self.service} ({self.name})"


@dataclass(slots=True)
class _Watched:
    """A member, the container as the wait began, and the last judgement of it."""

    member: Member
    ask: Ask
    first: ContainerDetail
    judgement: Judgement
    since_ms: int | None = None
    done: bool = False

    def look(self, now: ContainerDetail | None, elapsed_ms: int) -> None:
        """Judge anew."""
        found = judge(self.ask, self.first, now, elapsed_ms=elapsed_ms, good_since_ms=self.since_ms)
        self.judgement = _as_needed(self, found, now, elapsed_ms)
        lasting = now is not None and now.status != "exited" and self.member.until == "healthy"
        self.done = isinstance(self.judgement, Passed) and not lasting
        if isinstance(found, Waiting):
            self.since_ms = found.good_since_ms
        elif self.since_ms is None:
            self.since_ms = elapsed_ms

    def silence(self) -> None:
        """The engine did not answer: what was good before counts no more."""
        self.judgement, self.since_ms = Waiting(SILENT, None), None


class ProjectGate:
    """Polls containers until all are good or one has failed. ``clock`` is monotonic seconds, ``sleep`` takes
    seconds and may raise ``Interrupted``, ``engine_breaks`` counts how often the engine may have died.
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
        self._clock = clock
        self._sleep = sleep
        self._breaks = engine_breaks

    def wait(self, members: Sequence[Member], *, ask: Ask, progress: Progress, words: Words = no_words) -> str:
        """How it passed, and after how long. ``completes`` of ``ask`` is each member's own. ``words`` are not to
        be told of what containers say.

        Raises Unhealthy, EngineUnavailable and what ``sleep`` raises.
        """
        began, breaks, silent, told = self._clock(), self._breaks(), False, ""
        watched = [self._begin(member, ask) for member in members]
        waits, elapsed_ms = _bounded(pauses(), len(watched)), 0
        while True:
            failed = next((item for item in watched if isinstance(item.judgement, Failed)), None)
            if failed is not None:
                raise self._failure(failed, engine_died=silent or self._breaks() != breaks, words=words)
            if all(isinstance(item.judgement, Passed) for item in watched):
                return f"{_counted(watched)} after {seconds(elapsed_ms)}"
            told = _tell(watched, ask, elapsed_ms, told=told, progress=progress)
            self._sleep(min(next(waits), _soonest_s(watched, elapsed_ms)))
            elapsed_ms = round((self._clock() - began) * 1000)
            silent |= not self._look(watched, elapsed_ms, timeout_ms=ask.timeout_ms)

    def _begin(self, member: Member, ask: Ask) -> _Watched:
        first = self._engine.inspect_container(member.container_id)
        if first is None:
            gone = Failed("gone", "it is gone")
            raise unhealthy(self._engine, str(member), member.container_id, gone, environment={})
        completes = member.completes or member.until == "completed"
        watched = _Watched(member, replace(ask, completes=completes), first, Waiting("", None))
        watched.look(first, 0)
        return watched

    def _look(self, watched: Sequence[_Watched], elapsed_ms: int, *, timeout_ms: int) -> bool:
        """Look at all that are not done; False where the engine did not answer."""
        waiting = [item for item in watched if not item.done]
        try:
            for item in waiting:
                item.look(self._engine.inspect_container(item.first.id), elapsed_ms)
                if isinstance(item.judgement, Failed):
                    return True
        except EngineUnavailable:
            if elapsed_ms >= timeout_ms:
                raise
            for item in waiting:
                item.silence()
            return False
        return True

    def _failure(self, item: _Watched, *, engine_died: bool, words: Words) -> Unhealthy | EngineUnavailable:
        failed, name = item.judgement, str(item.member)
        assert isinstance(failed, Failed)  # noqa: S101  (that is why we are asked)
        if engine_died and failed.reason in ENDED_WITH_THE_ENGINE:
            return EngineUnavailable(f"the engine went away while {name} was waited for: {failed.state}")
        return unhealthy(
            self._engine,
            name,
            item.first.id,
            failed,
            environment=item.first.config.environment or {},
            words=words,
            hint=_hint(item, failed),
        )


def _as_needed(item: _Watched, found: Judgement, now: ContainerDetail | None, elapsed_ms: int) -> Judgement:
    """The health gate's judgement, as far as it is what the member is waited for."""
    until = item.member.until
    if until == "started" and now is not None and now.status not in {"created", "removing", "dead"}:
        return Passed("started")
    if until == "completed" and now is not None and now.status == "running" and not isinstance(found, Failed):
        timeout_ms = item.ask.timeout_ms
        if elapsed_ms >= timeout_ms:
            return Failed("timeout", f"it did not end within {seconds(timeout_ms)}", now)
        return Waiting("at work", None)
    return found


def _hint(item: _Watched, failed: Failed) -> str:
    if failed.reason == "exited" and (item.ask.completes or (failed.seen and failed.seen.status == "created")):
        return "the log lines say why; mend the image or its configuration"
    return HINTS.get(failed.reason, "the log lines say why; mend the image or its configuration")


def _bounded(waits: Iterator[float], containers: int) -> Iterator[float]:
    """The same pauses, none so short that many containers would keep the engine busy."""
    return (max(pause, containers / LOOKS_PER_S) for pause in waits)


def _soonest_s(watched: Sequence[_Watched], elapsed_ms: int) -> float:
    """Seconds until waiting may end: where all are good with the window of the last of them, else by timeout."""
    waiting = [item.judgement for item in watched if isinstance(item.judgement, Waiting)]
    good = [item.good_since_ms for item in waiting if item.good_since_ms is not None]
    return remaining_s(watched[0].ask, max(good) if len(good) == len(waiting) else None, elapsed_ms)


def _counted(watched: Sequence[_Watched]) -> str:
    services = {item.member.service for item in watched}
    if len(services) == 1:
        return watched[0].judgement.state
    return f"all {len(services)} services healthy"


def _tell(watched: Sequence[_Watched], ask: Ask, elapsed_ms: int, *, told: str, progress: Progress) -> str:
    """One line for each change, at most one a second otherwise. Returns what was told last."""
    line = _line(watched, ask, elapsed_ms)
    if line != told:
        progress(line)
    return line


def _line(watched: Sequence[_Watched], ask: Ask, elapsed_ms: int) -> str:
    services = {item.member.service for item in watched}
    waiting = [(item.member.service, item.judgement) for item in watched if isinstance(item.judgement, Waiting)]
    late = {service: judgement.state for service, judgement in waiting if judgement.good_since_ms is None}
    if not late:
        since_ms = max(judgement.good_since_ms or 0 for _, judgement in waiting)
        return f"{_good(services, 0)} for {(elapsed_ms - since_ms) // 1000}s of {seconds(ask.min_healthy_ms)}"
    states = ", ".join(f"{service}: {state}" for service, state in sorted(late.items()))
    passed = f"{elapsed_ms // 1000}s of {seconds(ask.timeout_ms)}"
    return f"{_good(services, len(late))}, waiting for {states} {passed}"


def _good(services: set[str], late: int) -> str:
    of = len(services)
    return f"{of - late} of {of} services healthy" if late else f"all {of} services healthy"
