"""What every audit log promises: the real one, and the one in memory that simulated hosts have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from reconciler.audit import AuditLog
from reconciler.core.audit import Deed
from reconciler.core.interfaces import AuditTrail
from reconciler.errors import StateError, StateUnwritable
from tests.audit.logs import KEY, deed, records
from tests.simulator.audit import MemoryAudit

Line = tuple[str, str, str]
"""Kind, Action, outcome."""


class World(Protocol):
    """A log, its lines, and a disk that can be full."""

    audit: AuditTrail

    def lines(self) -> list[Line]: ...

    def fill(self, *, full: bool) -> None: ...


class Real:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.audit: AuditTrail = AuditLog(folder, lambda: KEY)

    def lines(self) -> list[Line]:
        told = [record for record in records(self._folder) if record["kind"] != "opened"]
        return [(item["kind"], item["action"], item.get("outcome", "")) for item in told]

    def fill(self, *, full: bool) -> None:
        """A folder that is not there takes no line either, whoever we are."""
        here, there = self._folder / "audit", self._folder / "elsewhere"
        (here if full else there).rename(there if full else here)


class InMemory:
    def __init__(self, _folder: Path) -> None:
        self._memory = MemoryAudit()
        self.audit: AuditTrail = self._memory

    def lines(self) -> list[Line]:
        return [(item.kind, item.deed.action, item.outcome) for item in self._memory.lines]

    def fill(self, *, full: bool) -> None:
        self._memory.full = full


@pytest.fixture(params=[Real, InMemory])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


STOP, START = deed("stop-container"), deed("start-container")


def refused(attempt: Callable[[], object]) -> None:
    with pytest.raises(StateUnwritable):
        attempt()


def test_an_intent_has_a_number_and_an_outcome(world: World) -> None:
    first, second = world.audit.intent(STOP), world.audit.intent(START)
    assert 0 < first < second
    world.audit.outcome(second, START, outcome="done")
    world.audit.outcome(first, STOP, outcome="failed", detail="no")
    assert world.lines() == [
        ("intent", "stop-container", ""),
        ("intent", "start-container", ""),
        ("outcome", "start-container", "done"),
        ("outcome", "stop-container", "failed"),
    ]


def test_what_has_no_room_is_refused_or_owed_and_written_in_its_order(world: World) -> None:
    number = world.audit.intent(STOP)
    world.fill(full=True)
    refused(lambda: world.audit.intent(START))
    refused(lambda: world.audit.outcome(number, STOP, outcome="done"))
    refused(lambda: world.audit.late(START, outcome="done"))
    refused(world.audit.settle)
    world.fill(full=False)
    world.audit.settle()
    world.audit.settle()
    assert world.lines()[1:] == [("outcome", "stop-container", "done"), ("late", "start-container", "done")]


def test_only_errors_of_the_state_are_raised(world: World) -> None:
    world.audit.intent(STOP)
    world.fill(full=True)
    with pytest.raises(StateError):
        world.audit.intent(Deed(document="", action="x"))
    world.fill(full=False)
