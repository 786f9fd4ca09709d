"""Runs hooks, each to its end, in a throw-away container that is gone afterwards.

Decides how an end is read (0: well, 75: not now, anything else: failed) and what is told of what a hook said. It
does not decide what an end means for the release, nor whether a hook may run.

Invariants: that a hook begins is written down before it starts, how it ended before anything else is done; an
end that nobody saw is never written down as one; the sandbox is compared with what was asked before anything runs
in it; what a hook says is stripped, masked and bounded before it goes anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from reconciler.core import names
from reconciler.core.action import ContainerRef, RemoveHook, RunHook
from reconciler.core.container import ContainerConfig
from reconciler.core.display import as_bytes, as_duration
from reconciler.core.evidence import spoken
from reconciler.core.hook import NOT_NOW, sandbox
from reconciler.core.interfaces import Engine, Journal, Progress
from reconciler.core.observation import ALIVE, ContainerDetail
from reconciler.core.outcome import Outcome
from reconciler.core.project import PROJECT_LABEL
from reconciler.core.record import HookEnd
from reconciler.errors import (
    ContainerGone,
    EngineUnavailable,
    HookFailed,
    HookNotNow,
    NotFound,
    ReconcilerError,
    TerminalError,
    VerificationFailed,
)
from reconciler.executors.discretion import Discretion, NoSecrets, missing_variables
from reconciler.executors.lookup import ContainerLookup
from reconciler.executors.read_back import dropped_fields, missing_labels

FIRST_LOOK_S: Final = 0.05
SLOWEST_LOOK_S: Final = 0.5
OUTPUT_LINES: Final = 4096
UNSEEN: Final = -1
OUTPUT_BYTES: Final = 16 * 1024
"""How much of what a hook says is kept in the history; the newest of it."""

LAST_LINES: Final = 10
"""How many lines of it an error carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One hook in its sandbox."""

    action: RunHook
    container_id: str
    config: ContainerConfig

    @property
    def title(self) -> str:
        return f"the {self.action.hook.name} hook"


class HookActions:
    """``clock`` is monotonic seconds; ``sleep`` takes seconds and may raise Interrupted, which ends the hook.
    ``engine_breaks`` counts how often the engine may have died.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        engine_breaks: Callable[[], int],
        discretion: Discretion | None = None,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._lookup = ContainerLookup(engine, journal)
        self._clock = clock
        self._sleep = sleep
        self._engine_breaks = engine_breaks
        self._discretion = discretion or NoSecrets()

    def run(self, action: RunHook, progress: Progress) -> Outcome:
        """What came of it, with all that the hook said. Raises VerificationFailed and HookFailed for one that
        never ran, and what the engine and the history raise.
        """
        run = self._create(action)
        try:
            self._read_back(run)
            outcome = self._run(run, progress)
        except ReconcilerError:
            self._tidy(run)
            raise
        self._tidy(run)
        return outcome

    def remove(self, action: RemoveHook, _progress: Progress) -> Outcome:
        """Gone already is success."""
        gone = self._engine.inspect_container(action.container.id) is None
        if not gone:
            self._end(action.container.id)
        return Outcome(kind="already" if gone else "done", action=action, container_id=action.container.id)

    def _create(self, action: RunHook) -> Run:
        hook, facts = action.hook, action.facts
        image = self._engine.inspect_image(str(hook.image))
        if image is None:
            raise NotFound(f"the image {hook.image.short} of the {hook.name} hook is not on the host any more")
        variables = facts.variables(hook.name)
        config = sandbox(hook, variables, image_volumes=image.volumes, delivered=action.mounts)
        owner = self._journal.owner
        container_id = self._engine.create_sandbox(
            names.hook_name(facts.document, hook.name, facts.generation),
            image=hook.image,
            config=self._discretion.opened(config, action.variables),
            labels=names.hook_labels(facts.document, hook.name, owner=owner, generation=facts.generation),
            beside=self._neighbour(action, action.beside) if action.beside else "",
        )
        return Run(action=action, container_id=container_id, config=config)

    def _neighbour(self, action: RunHook, container: ContainerRef) -> str:
        """The id of the container whose network the hook shares."""
        if not action.project:
            return self._lookup.get(action.document, container).id
        for row in self._engine.list_containers():
            if row.name == container.name and row.labels.get(PROJECT_LABEL) == action.project:
                return row.id
        raise ContainerGone(f"container {container} of {action.document} is not there")

    def _read_back(self, run: Run) -> None:
        """A sandbox that the engine did not make as it was asked for is none."""
        hook, found = run.action.hook, self._engine.inspect_container(run.container_id)
        if found is None:
            raise ContainerGone(f"the container of {run.title} vanished right after it was created")
        image = self._engine.inspect_image(str(hook.image))
        wrong = [
            *missing_variables(run.action.variables, found.config.environment),
            *dropped_fields(run.config, found.config, image=image, engine=self._engine.known_facts()),
            *([] if image is not None and image.id == found.image_id else ["image"]),
            *missing_labels({names.HOOK: hook.name}, found.config.labels),
        ]
        if wrong:
            raise VerificationFailed(
                f"created the sandbox of {run.title}, but the engine did not take: {', '.join(wrong)}",
                hint="this engine or its kernel cannot confine a hook; nothing of it was run",
            )

    def _run(self, run: Run, progress: Progress) -> Outcome:
        hook, facts = run.action.hook, run.action.facts
        self._journal.hook_began(facts.document, facts.generation, hook=hook.name, wish=hook.wish)
        try:
            self._engine.start(run.container_id)
        except TerminalError as error:
            self._ended(run, "failed")
            raise HookFailed(f"{run.title} could not be started: {error}") from error
        detail = self._wait(run, progress)
        state, problem = _read(run, detail)
        self._ended(run, state)
        lines = self._engine.logs(run.container_id, lines=OUTPUT_LINES)
        environment = (detail or run).config.environment or {}
        words = self._discretion.words(facts.document)
        said = spoken(lines, environment=environment, opened=words, limit=OUTPUT_BYTES)
        if not problem:
            return Outcome(kind="done", action=run.action, detail=said, container_id=run.container_id)
        failure = (HookNotNow if state == "not-now" else HookFailed)(problem + _last_lines(said))
        return Outcome(kind="failed", action=run.action, error=failure, detail=f"{problem}\n{said}".rstrip())

    def _wait(self, run: Run, progress: Progress) -> ContainerDetail | None:
        """The container once the hook has ended by itself; None when it had to be killed for taking too long."""
        deadline = self._clock() + run.action.hook.timeout_ms / 1000
        breaks, pause, told = self._engine_breaks(), FIRST_LOOK_S, ""
        while True:
            detail = self._look(run, last=self._clock() >= deadline)
            if detail is not None and detail.status not in ALIVE:
                if breaks != self._engine_breaks():
                    raise EngineUnavailable(f"the engine went away while {run.title} ran; nobody saw its end")
                return detail
            if detail is not None and self._clock() >= deadline:
                self._engine.stop(run.container_id, timeout_s=0)
                return None
            # Only what is seen alive on the other side of an outage can be seen to end by itself.
            breaks = UNSEEN if detail is None else self._engine_breaks()
            before, told = told, "runs" if detail else "the engine does not answer"
            if told != before:
                progress(told)
            self._sleep(min(pause, max(deadline - self._clock(), FIRST_LOOK_S)))
            pause = min(pause * 1.5, SLOWEST_LOOK_S)

    def _look(self, run: Run, *, last: bool) -> ContainerDetail | None:
        """The container; None while the engine does not answer, which ends with the hook's time."""
        try:
            detail = self._engine.inspect_container(run.container_id)
        except EngineUnavailable:
            if last:
                raise
            return None
        if detail is None:
            raise EngineUnavailable(f"the container of {run.title} was removed while it ran; nobody saw its end")
        return detail

    def _ended(self, run: Run, state: HookEnd) -> None:
        facts, hook = run.action.facts, run.action.hook
        self._journal.hook_ended(facts.document, facts.generation, hook=hook.name, state=state)

    def _tidy(self, run: Run) -> None:
        """What came of the hook is what counts: a container that stays is found by its labels in the next pass."""
        with suppress(ReconcilerError):
            self._end(run.container_id)

    def _end(self, container_id: str) -> None:
        """Have it gone, whatever it does."""
        self._engine.stop(container_id, timeout_s=0)
        self._engine.remove(container_id, volumes=True)


def _last_lines(said: str) -> str:
    """The end of what a hook said, for an error."""
    lines = said.splitlines()[-LAST_LINES:]
    return "".join(("\n  last lines:", *(f"\n    {line}" for line in lines))) if lines else ""


def _read(run: Run, detail: ContainerDetail | None) -> tuple[HookEnd, str]:
    """How a hook ended, and what is wrong with that ("" for nothing)."""
    hook = run.action.hook
    if detail is None:
        return "failed", f"{run.title} took longer than {as_duration(hook.timeout_ms)} and was killed"
    if detail.exit_code == 0:
        return "done", ""
    if detail.exit_code == NOT_NOW:
        return "not-now", f"{run.title} said: not now"
    if detail.oom_killed:
        return "failed", f"{run.title} needed more memory than its {as_bytes(hook.memory_bytes)} and was killed"
    return "failed", f"{run.title} ended with exit status {detail.exit_code}"
