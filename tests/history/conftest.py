"""An open history on a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.core.desired import DesiredState
from reconciler.core.record import OperationKind
from reconciler.history import History
from tests.history.wishes import rebuild, wish


class Clock:
    """Seconds since the epoch, set by the test."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def reopen(path: Path, clock: Clock) -> Iterator[Callable[[], History]]:
    """Opens the history again, as another process would; all are closed at the end."""
    opened: list[History] = []

    def again() -> History:
        opened.append(History.open(path, clock=clock, rebuild=rebuild))
        return opened[-1]

    yield again
    for history in opened:
        history.close()


@pytest.fixture
def history(reopen: Callable[[], History]) -> History:
    return reopen()


@pytest.fixture
def begin(history: History) -> Callable[..., DesiredState]:
    """Begins an operation of a small document."""

    def begin(
        generation: int, release: str = "rel-1", *, name: str = "web", kind: OperationKind = "deploy"
    ) -> DesiredState:
        desired = wish(name, release)
        history.begin(
            desired, generation=generation, kind=kind, container_id="", cause="it is wanted", actor="ana"
        )
        return desired

    return begin


@pytest.fixture
def quiet(path: Path, reopen: Callable[[], History]) -> Callable[[], int]:
    """A number that changes with every write of the ``history`` under test."""
    observer = reopen()
    return observer.data_version
