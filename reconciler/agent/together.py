"""Together: what several ask to be kept at about the same time is kept in one transaction, in the order they came.

While one transaction is on its way to the disk, what is asked for meanwhile waits for the next one. What would
only come again if it were forgotten, such as that a result was acknowledged, waits a little for others to go with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from reconciler.errors import StateError
from reconciler.inbox.rows import KEPT
from reconciler.protocol.session.events import Event, Step, may_wait

LATE_S: Final = 2.0
"""How long what may wait is kept back for others to go with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A step, and which link its messages are for."""

    step: Step
    link: int


@dataclass(slots=True)
class _Batch:
    """What goes in one transaction; ``fails`` where what it rests on was not kept."""

    asked: list[Asked] = field(default_factory=list)
    fails: StateError | None = None
    done: asyncio.Task[None] | None = None


class Keeps(Protocol):
    """Where it is kept."""

    def keep(self, events: Iterable[Event]) -> None:
        """In one transaction; blocks. Raises StateError, and then nothing of it is kept."""


class Together:
    """Used in one event loop. ``follow`` is called with each step that is kept, ``lost`` when a transaction has
    failed: neither it nor what was asked since is kept, and all of it raises.
    """

    def __init__(
        self,
        store: Keeps,
        *,
        follow: Callable[[Asked], None],
        lost: Callable[[StateError], None],
    ) -> None:
        self._store = store
        self._follow = follow
        self._lost = lost
        self._next: _Batch | None = None
        self._before: asyncio.Task[None] | None = None
        self._late: list[Event] = []
        self._late_until = 0.0

    async def carry_out(self, asked: Asked) -> None:
        """When it is kept and followed. Raises StateError where it is not kept. To stop waiting stops nothing."""
        if self._next is None:
            self._next = batch = _Batch()
            batch.done = self._before = asyncio.create_task(self._run(batch, self._before))
        self._next.asked.append(asked)
        assert self._next.done is not None  # noqa: S101  (made with the batch)
        await asyncio.shield(self._next.done)

    async def close(self) -> None:
        """Keep also what may wait. Raises StateError."""
        self._late_until = 0.0
        await self.carry_out(Asked(Step(), 0))

    async def _run(self, batch: _Batch, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        if batch.fails is not None:
            raise batch.fails
        self._next = None
        try:
            await self._write([event for asked in batch.asked for event in asked.step.events])
        except StateError as error:
            self._fail(error)
            raise
        for asked in batch.asked:
            self._follow(asked)

    async def _write(self, events: Sequence[Event]) -> None:
        wanted = [event for event in events if isinstance(event, KEPT)]
        now = asyncio.get_running_loop().time()
        if wanted and not self._late:
            self._late_until = now + LATE_S
        self._late += wanted
        if self._late and (now >= self._late_until or not all(map(may_wait, wanted))):
            await asyncio.to_thread(self._store.keep, tuple(self._late))
            self._late = []

    def _fail(self, error: StateError) -> None:
        """Who asked meanwhile rests on what is not kept."""
        self._late = []
        if self._next is not None:
            self._next.fails, self._next = error, None
        self._lost(error)
