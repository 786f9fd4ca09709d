from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.core.desired import DesiredState
from reconciler.sources.files import FolderSource, Loaded


class Desk:
    """A folder of documents, a source on it, and a clock that only moves when told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target: str | None = None
        self.now = time.time()
        self.slept: list[float] = []
        self.during_sleep: Callable[[], object] = lambda: None
        self.source = self.restart()

    def write(self, name: str, content: str | bytes, *, age: float = 100.0) -> Path:
        """Write a file that looks as if it had been written ``age`` seconds ago."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (self.now - age, self.now - age))
        return path

    def restart(
        self, remember: Mapping[str, tuple[DesiredState, ...]] | None = None, *, target: str | None = None
    ) -> FolderSource:
        self.source = FolderSource(
            self.folder, target=target, remember=remember, clock=lambda: self.now, sleep=self._sleep
        )
        return self.source

    def load(self) -> Loaded:
        return self.source.load()

    def names(self) -> list[str]:
        return [item.name for item in self.load().documents]

    def told(self) -> list[str]:
        return [str(problem) for problem in self.load().problems]

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.during_sleep()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "desired"
    folder.mkdir()
    return Desk(folder)
