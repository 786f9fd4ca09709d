"""Outages, as a client sees them that asks every 5 ms (``poller``)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from bench.model import Sample
from bench.programs import PYTHON, ROOT, ProgramFailed
from bench.turns import Turn

AFTERWARDS_S = 0.4
"""Watched on after the work is done: what serves last may take a moment."""


class Client:
    """Asks from ``__enter__``, which returns once it is answered, to ``__exit__``. ``words`` as for ``poller``."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self.longest_s = 0.0
        self.failed = 0

    def __enter__(self) -> Self:
        program = [PYTHON, "-m", "bench.poller", *self._words]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        assert self._process.stdout is not None  # noqa: S101  (a pipe)
        self._process.stdout.readline()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises ProgramFailed where nobody answers at the end."""
        time.sleep(AFTERWARDS_S)
        told = self._process.communicate()[0]
        if error is not None:
            return
        seen: dict[str, Any] = json.loads(told)
        self.longest_s, self.failed = seen["longest_s"], seen["failed"]
        if not seen["answers"]:
            raise ProgramFailed("nobody answers after the replacement")


def outage_during(work: Callable[[], object], port: int) -> Turn:
    """A turn whose value is the longest time without an answer at the port."""

    def turn() -> Sample:
        with Client(str(port)) as client:
            cpu = time.process_time()
            work()
            cpu = time.process_time() - cpu
        return Sample(client.longest_s, cpu)

    return turn
