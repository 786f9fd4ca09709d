"""Steps that are kept together: joined, in order, all or none; what may wait does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

import pytest

from reconciler.agent import together
from reconciler.agent.together import Asked, Together
from reconciler.errors import StateUnwritable
from reconciler.protocol.inbox import Entry
from reconciler.protocol.session.events import Event, ForgetTask, KeepTask, Step
from tests.agent.host import comes, run
from tests.protocol.makers import task


def step(number: int, *, acknowledged: bool = False) -> Asked:
    return Asked(Step(events=(KeepTask(Entry(task=task(number), number=number, acknowledged=acknowledged)),)), 1)


def late(number: int) -> Asked:
    return step(number, acknowledged=True)


class Disk:
    """``full``: it takes nothing. ``open``: a transaction ends; until then it hangs."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.followed: list[int] = []
        self.lost = 0
        self.full = False
        self.open = threading.Event()
        self.open.set()
        self.together = Together(self, follow=self.follow, lost=self.lose)

    def keep(self, events: Iterable[Event]) -> None:
        self.open.wait(5)
        if self.full:
            raise StateUnwritable("could not write: the disk is full")
        self.written.append([_number(event) for event in events])

    def follow(self, asked: Asked) -> None:
        self.followed += [_number(event) for event in asked.step.events]

    def lose(self, _: Exception) -> None:
        self.lost += 1

    def ask(self, asked: Asked) -> asyncio.Task[None]:
        return asyncio.create_task(self.together.carry_out(asked))


def _number(event: Event) -> int:
    assert isinstance(event, KeepTask | ForgetTask)
    return event.entry.number if isinstance(event, KeepTask) else 0


def test_what_is_asked_for_during_a_transaction_goes_in_the_next_one() -> None:
    async def story() -> None:
        disk = Disk()
        disk.open.clear()
        first = disk.ask(step(1))
        await asyncio.sleep(0.05)
        others = [disk.ask(step(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0.05)
        assert disk.followed == []
        disk.open.set()
        await asyncio.gather(first, *others)
        assert (disk.written, disk.followed) == ([[1], [2, 3, 4]], [1, 2, 3, 4])

    run(story())


def test_who_stops_waiting_stops_nothing() -> None:
    """A link that is lost while what came over it is kept: the task that came is begun all the same."""

    async def story() -> None:
        disk = Disk()
        disk.open.clear()
        waiting = disk.ask(step(1))
        await asyncio.sleep(0.05)
        waiting.cancel()
        disk.open.set()
        await comes(lambda: disk.followed == [1])

    run(story())


def test_what_rests_on_what_is_not_kept_is_not_kept_either() -> None:
    async def story() -> None:
        disk = Disk()
        disk.full = True
        disk.open.clear()
        asked = [disk.ask(step(1))]
        await asyncio.sleep(0.05)
        asked.append(disk.ask(step(2)))
        await asyncio.sleep(0.05)
        disk.open.set()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(item) for item in ended] == [StateUnwritable, StateUnwritable]
        disk.full = False
        await disk.ask(step(3))
        assert (disk.lost, disk.written, disk.followed) == (1, [[3]], [3])

    run(story())


def test_what_may_wait_goes_with_the_next_that_may_not() -> None:
    async def story() -> None:
        disk = Disk()
        await disk.ask(late(1))
        await disk.ask(Asked(Step(events=(ForgetTask("key-2"),)), 1))
        assert (disk.written, disk.followed) == ([], [1, 0])
        await disk.ask(step(3))
        assert disk.written == [[1, 0, 3]]
        await disk.ask(late(4))
        await disk.together.close()
        assert disk.written == [[1, 0, 3], [4]]

    run(story())


def test_what_may_wait_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "LATE_S", 0.1)

    async def story() -> None:
        disk = Disk()
        await disk.ask(late(1))
        await asyncio.sleep(0.15)
        await disk.ask(Asked(Step(), 1))
        assert disk.written == [[1]]

    run(story())
