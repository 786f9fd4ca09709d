"""DockerCompose: the interface ``Compose`` on the real program.

Leaves to others which project is deployed and when (the controller), what an option is called (``arguments``), and
how a process is run (``process``).

Invariants: one run at a time in a directory, over deaths of the controller; every run is bounded; nothing is asked
of a person; a run that was cut short is ComposeBusy, since the next pass mends what it left.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.compose import arguments, lock, program
from reconciler.compose.failures import failure, left_in_use
from reconciler.compose.lines import told
from reconciler.compose.process import Ended, Limits, run
from reconciler.core.interfaces import ComposeProject, Progress
from reconciler.errors import ComposeBusy, ComposeFailed, ComposeMissing, ReconcilerError

_SHORT = Limits(deadline_s=30.0, grace_s=5.0)
_LOCK_WAIT_S = 120.0


def _nobody(line: str) -> None:
    """Nobody watches."""


class DockerCompose:
    """For the engine at ``url``. ``executable`` is a setting ("" looks for it); ``environment`` is ours, of which
    Compose gets no more than it needs to reach the engine.
    """

    def __init__(
        self,
        url: str,
        *,
        executable: str = "",
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        lock_wait_s: float = _LOCK_WAIT_S,
    ) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._child = program.child_environment(url, self._environment)
        self._executable = executable
        self._limits = limits or Limits()
        self._lock_wait_s = lock_wait_s
        self._once = threading.Lock()
        self._known: tuple[str, str] | None = None

    def version(self) -> str:
        """The program's version, asked once for as long as it is there. Raises ComposeMissing."""
        return self._program()[1]

    def config(self, project: ComposeProject) -> Mapping[str, Any]:
        doing = f"reading the project {project.name}"
        ended = self._run(doing, arguments.config(project), limits=_SHORT)
        try:
            model = json.loads(ended.output)
        except ValueError as error:
            raise ComposeFailed(f"{doing}: Compose's answer is not JSON") from error
        if not isinstance(model, dict):
            raise ComposeFailed(f"{doing}: Compose's answer is no model")
        return model

    def up(self, project: ComposeProject, *, recreate: tuple[str, ...], progress: Progress) -> None:
        doing = f"creating the containers of {project.name}"
        with lock.held(project.directory, wait_s=self._lock_wait_s, progress=progress) as inherit:
            for words in arguments.up(project, recreate):
                self._run(doing, words, on_line=_teller(project, progress), inherit=inherit)

    def down(self, project: ComposeProject, *, progress: Progress) -> None:
        doing = f"taking down the project {project.name}"
        with lock.held(project.directory, wait_s=self._lock_wait_s, progress=progress) as inherit:
            ended = self._run(doing, arguments.down(project), on_line=_teller(project, progress), inherit=inherit)
        if left_in_use(ended.lines):
            raise failure(doing, [line for line in ended.lines if left_in_use((line,))])

    def _program(self) -> tuple[str, str]:
        with self._once:
            if self._known is None or not os.access(self._known[0], os.X_OK):
                path = self._executable or program.find(self._environment)
                self._known = path, self._ask_version(path)
            return self._known

    def _ask_version(self, path: str) -> str:
        with _startable(path):
            ended = run((path, *arguments.VERSION), environment=self._child, limits=_SHORT, on_line=_nobody)
        return program.check_version(path, ended.output.decode("utf-8", "replace") if ended.code == 0 else "")

    def _run(
        self,
        doing: str,
        words: tuple[str, ...],
        *,
        limits: Limits | None = None,
        on_line: Callable[[str], None] = _nobody,
        inherit: tuple[int, ...] = (),
    ) -> Ended:
        path, _ = self._program()
        bounds = limits or self._limits
        with _startable(path):
            ended = run((path, *words), environment=self._child, limits=bounds, on_line=on_line, inherit=inherit)
        if ended.code != 0 or ended.late or ended.loud:
            raise _error(doing, ended, bounds)
        return ended


def _error(doing: str, ended: Ended, limits: Limits) -> ReconcilerError:
    if ended.loud:
        return ComposeFailed(f"{doing}: Compose wrote more than {limits.output_bytes >> 10} KiB")
    if ended.late or ended.code < 0:
        why = (
            f"did not end within {limits.deadline_s:g} s" if ended.late else f"was killed by signal {-ended.code}"
        )
        return ComposeBusy(f"{doing}: Compose {why}", hint="what it left is mended by the next pass")
    return failure(doing, ended.lines)


def _teller(project: ComposeProject, progress: Progress) -> Callable[[str], None]:
    return lambda line: progress(told(line, project.name))


@contextmanager
def _startable(path: str) -> Iterator[None]:
    """A program that is not there, or that this machine can't run, is no Compose."""
    try:
        yield
    except OSError as error:
        raise ComposeMissing(f"could not run {path}: {error.strerror}", hint=program.HINT) from error
