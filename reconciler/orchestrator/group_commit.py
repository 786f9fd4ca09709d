"""Group commit: what many agents tell at once is kept in as few transactions as it takes.

A transaction costs a wait for the disk, whatever is in it. What comes while one is under way shares the next; who
comes alone does not wait for others.

Invariants: works are done in the order in which they came. Who waits hears of its work after the commit that holds
it, and not before. A work that fails takes no other with it: the transaction is undone, and each is done alone. So
a work may be done twice before it counts, and changes nothing but the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from reconciler.orchestrator.store.database import Connection, Database

AT_ONCE: Final = 200
"""Works of one transaction at most: meanwhile nobody else writes."""

T = TypeVar("T")
Work = Callable[[Connection], T]


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work[Any]
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


class GroupCommit:
    """Used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    def do(self, work: Work[T]) -> asyncio.Future[T]:
        """Done when it is on disk; with what the work returned, or what it or the commit raised. It goes on where
        nobody waits any more.
        """
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return waiting.done

    async def finish(self) -> None:
        """Until all that was asked for is done."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        """Until nobody waits."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                outcomes = await asyncio.to_thread(self._together, [item.work for item in batch])
                for item, outcome in zip(batch, outcomes, strict=True):
                    _tell(item.done, outcome)
        finally:
            self._writing = None

    def _together(self, works: list[Work[Any]]) -> list[_Outcome]:
        try:
            with self._database.write() as on:
                return [_Outcome(work(on)) for work in works]
        except Exception as error:  # noqa: BLE001  (told to who waits for it)
            return [_Outcome(error=error)] if len(works) == 1 else [self._together([work])[0] for work in works]


def _tell(done: asyncio.Future[Any], outcome: _Outcome) -> None:
    if done.cancelled():
        return
    if outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)
