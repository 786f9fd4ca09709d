"""Handing out: keeps what is assigned to agents as the folder of documents says.

Looks when the folder changes, when an agent joins, and from time to time. What cannot be read or is wrong is told
once, in the log and in the fleet's events.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from reconciler.errors import ReconcilerError
from reconciler.orchestrator.bringing import Bringing
from reconciler.orchestrator.clerk import Clerk
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.store import documents
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.wishes import Wishes, read_wishes
from reconciler.sealing.release_keys import ReleaseKey
from reconciler.sources.watch import FolderWatch

EVERY_S: Final = 30.0
"""How often is looked where nothing was heard of."""
ROLLING_S: Final = 5.0
"""The same while a rollout is under way: time ends a soak, and tells that a host is away."""
RESTS: Final = 4
"""How much longer than it looked it rests, ``LONGEST_REST_S`` at most: each look is at the whole fleet, and a
fleet at work reports all the time.
"""
LONGEST_REST_S: Final = 1.0

log = structlog.get_logger("reconciler.orchestrator")


class HandingOut:
    """``folder``: of documents. Used in one event loop."""

    def __init__(self, folder: Path, database: Database, lines: Lines, *, key: ReleaseKey, clerk: Clerk) -> None:
        self._folder = folder
        self._database = database
        self._lines = lines
        self._bringing = Bringing(database, key)
        self._clerk = clerk
        self._due = asyncio.Event()
        self._reading = asyncio.Lock()
        self._asked = True
        self._under_way = False
        self._problems: tuple[str, ...] = ()
        self.wishes = Wishes((), (), whole=False)
        """What is wished for, as of the last look."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong in the folder, as of the last look."""
        return self._problems

    def ask(self) -> None:
        """Look again soon: at the folder, too."""
        self._asked = True
        self._due.set()

    def reported(self) -> None:
        """An agent has told something else of its documents: a rollout may go on."""
        if self._under_way:
            self._due.set()

    async def watch(self) -> None:
        """Notice changes of the folder, for ever."""
        async for _ in FolderWatch(self._folder).changes():
            self.ask()

    async def work(self) -> None:
        """Look whenever it is due, for ever."""
        clock = asyncio.get_running_loop().time
        looked = clock()
        while True:
            began = clock()
            whole, self._asked = self._asked or began - looked >= EVERY_S, False
            try:
                await (self.look() if whole else self._bring_about())
            except ReconcilerError as error:
                log.warning("documents could not be handed out", error=str(error))
            looked = clock() if whole else looked
            await asyncio.sleep(min(LONGEST_REST_S, RESTS * (clock() - began)))
            with suppress(TimeoutError):
                async with asyncio.timeout(ROLLING_S if self._under_way else EVERY_S):
                    await self._due.wait()  # wait_for would lose a cancellation that comes with news
            self._due.clear()

    async def look(self) -> None:
        """Bring what is assigned to what the folder says. Raises StateError."""
        await self._renew()
        await self._bring_about()

    async def changed(self) -> None:
        """Somebody has changed a document over the API: who asks now is told so; it is handed out soon. Raises
        StateError.
        """
        self.ask()
        await self._renew()

    async def _renew(self) -> None:
        async with self._reading:  # else what was read before a change could take the place of what was read after
            self.wishes = await asyncio.to_thread(self.read)
            self._tell(self.wishes)

    async def _bring_about(self) -> None:
        more = False
        while True:
            found = await asyncio.to_thread(self._bringing.about, self.wishes, more=more)
            self._under_way, more = found.under_way, found.more
            if found.targets:
                self._lines.wake(*found.targets)
            if not more:
                return

    def read(self) -> Wishes:
        """What is wished for now, in the folder and over the API. Raises StateError."""
        with self._database.read() as on:
            put = documents.every(on)
        return read_wishes(self._folder, put)

    def read_with(self, wished: documents.Kept) -> Wishes:
        """What would be wished for with one more document of the API, or another revision of it."""
        with self._database.read() as on:
            put = [item for item in documents.every(on) if item.name != wished.name]
        return read_wishes(self._folder, [*put, wished])

    def _tell(self, wishes: Wishes) -> None:
        problems = tuple(map(str, wishes.problems))
        for problem in problems:
            if problem not in self._problems:
                self._clerk.note("orchestrator", "document-problem", str(self._folder), problem)
        self._problems = problems
