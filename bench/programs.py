"""Whole programs as contestants: each turn is a fresh process, with its processor time and its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.model import Sample
from bench.turns import Turn

ROOT = Path(__file__).parents[1]
PYTHON = str(ROOT / ".venv" / "bin" / "python")
RECONCILER = str(ROOT / ".venv" / "bin" / "reconciler")


class ProgramFailed(RuntimeError):
    """A contestant did not do its work: the message has what it said."""


class Programs:
    """Runs programs by way of the small ``spawner``."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._log = Path(self._folder.name) / "log"
        self._spawner = subprocess.Popen(
            [sys.executable, "-I", "-S", str(ROOT / "bench" / "spawner.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spawner.communicate()
        self._folder.cleanup()

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        expect: Collection[int] = (0,),
    ) -> Sample:
        """Run it to its end. Raises ProgramFailed when it ends with a status that is not expected."""
        assert self._spawner.stdin is not None  # noqa: S101  (both are pipes)
        assert self._spawner.stdout is not None  # noqa: S101
        variables = {**os.environ, **(environment or {})}
        request = [list(argv), variables, str(folder or self._folder.name), str(self._log)]
        self._spawner.stdin.write(json.dumps(request) + "\n")
        self._spawner.stdin.flush()
        told: dict[str, Any] = json.loads(self._spawner.stdout.readline())
        if told["status"] not in expect:
            raise ProgramFailed(f"{' '.join(argv)} ended with {told['status']}:\n{self._log.read_text()[-2000:]}")
        return Sample(told["seconds"], told["cpu_s"], told["peak_mb"])

    def turn(self, argv: Sequence[str], **how: Any) -> Turn:
        """The same as a contestant's turn."""
        return lambda: self.run(argv, **how)
