"""Group commit: what many agents tell at once is kept in as few transactions as it takes.

A transaction costs a wait for the disk, whatever is in it. What comes while one is under way shares the next; who
comes alone does not wait for others.

Invariants: works are done in the order in which they came. Who waits hears of its work after the commit that holds
it, and not before. A work that fails takes none with it but those that follow it in its series: the transaction is
undone, and each is done alone. So a work may be done twice before it counts, and changes nothing but the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from reconciler.orchestrator.store.database import Connection, Database

AT_ONCE: Final = 200
"""Works of one transaction at most: meanwhile nobody else writes."""

T = TypeVar("T")
Work = Callable[[Connection], T]


@dataclass(slots=True)
class Series:
    """Works that build on each other: after one that failed none of them is done. Changed while they are done."""

    broken: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work[Any]
    done: asyncio.Future[Any]
    series: Series = field(default_factory=Series)


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None
    forgone: bool = False


class GroupCommit:
    """Used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    def do(self, work: Work[T], series: Series | None = None) -> asyncio.Future[T]:
        """Done when it is on disk; with what the work returned, or what it or the commit raised; cancelled where
        it was not done, for the sake of its series. It goes on where nobody waits any more.
        """
        waiting = _Waiting(work, asyncio.get_running_loop().create_future(), series or Series())
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
                outcomes = await asyncio.to_thread(self._together, batch)
                for item, outcome in zip(batch, outcomes, strict=True):
                    _tell(item.done, outcome)
        finally:
            self._writing = None

    def _together(self, batch: list[_Waiting]) -> list[_Outcome]:
        try:
            with self._database.write() as on:
                return [_outcome(item, on) for item in batch]
        except Exception as error:  # noqa: BLE001  (told to who waits for it)
            if len(batch) > 1:
                return [self._together([item])[0] for item in batch]
            batch[0].series.broken = True
            return [_Outcome(error=error)]


def _outcome(item: _Waiting, on: Connection) -> _Outcome:
    return _Outcome(forgone=True) if item.series.broken else _Outcome(item.work(on))


def _tell(done: asyncio.Future[Any], outcome: _Outcome) -> None:
    if done.cancelled():
        return
    if outcome.forgone:
        done.cancel()
    elif outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)
