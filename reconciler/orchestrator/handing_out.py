"""Handing out: keeps what is assigned to agents as the folder of documents says.

Looks when the folder changes, when an agent joins, and from time to time. What cannot be read or is wrong is told
once, in the log and in the fleet's events.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from reconciler.errors import ReconcilerError
from reconciler.orchestrator.assign import Changes, Holding, changes
from reconciler.orchestrator.clerk import Clerk
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.signing import signed
from reconciler.orchestrator.store import agents, artifacts, assignments, documents, events
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.orchestrator.wishes import Wish, Wishes, read_wishes
from reconciler.protocol.message.document import AssignedDocument
from reconciler.sealing.release_keys import ReleaseKey
from reconciler.sources.watch import FolderWatch

EVERY_S: Final = 30.0
GONE: Final = "it is wished for no more"
UNFIT: Final = "it is not for this host any more"

log = structlog.get_logger("reconciler.orchestrator")


class HandingOut:
    """``folder``: of documents. Used in one event loop."""

    def __init__(self, folder: Path, database: Database, lines: Lines, *, key: ReleaseKey, clerk: Clerk) -> None:
        self._folder = folder
        self._database = database
        self._lines = lines
        self._key = key
        self._clerk = clerk
        self._due = asyncio.Event()
        self._problems: tuple[str, ...] = ()
        self.wishes = Wishes((), (), whole=False)
        """What is wished for, as of the last look."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong in the folder, as of the last look."""
        return self._problems

    def ask(self) -> None:
        """Look again soon."""
        self._due.set()

    async def watch(self) -> None:
        """Notice changes of the folder, for ever."""
        async for _ in FolderWatch(self._folder).changes():
            self.ask()

    async def work(self) -> None:
        """Look whenever it is due, for ever."""
        while True:
            try:
                await self.look()
            except ReconcilerError as error:
                log.warning("documents could not be handed out", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):  # wait_for would lose a cancellation that comes with news
                    await self._due.wait()
            self._due.clear()

    async def look(self) -> None:
        """Bring what is assigned to what the folder says. Raises StateError."""
        wishes = await asyncio.to_thread(self.read)
        self.wishes = wishes
        self._tell(wishes)
        found = await asyncio.to_thread(self._bring_about, wishes)
        if found.targets:
            self._lines.wake(*found.targets)

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

    def _bring_about(self, wishes: Wishes) -> Changes:
        now = datetime.now(UTC)
        with self._database.read() as on:
            found = _found(on, wishes)
        if found.targets:
            with self._database.write() as on:
                found = _found(on, wishes)
                for target, wish in found.assign:
                    self._assign(on, target, wish, now)
                for target, name in found.withdraw:
                    assignments.withdraw(on, target, name)
                    there = any(item.name == name for item in wishes.wishes)
                    told = f"from {target}: {UNFIT if there else GONE}"
                    events.add(on, FleetEvent(now, "orchestrator", "document-withdrawn", name, told))
        return found

    def _assign(self, on: Connection, target: str, wish: Wish, now: datetime) -> None:
        document = AssignedDocument(
            id=wish.name,
            target_id=target,
            version=wish.version,
            generation=assignments.next_generation(on, target, wish.name),
            text=wish.text,
            artifacts=wish.artifacts,
            issued_at=now,
            actor=wish.actor,
        )
        for item in wish.files:
            artifacts.keep(on, item.artifact.sha256, item.content, now=now)
        assignments.assign(on, signed(document, self._key))
        told = f"to {target}, generation {document.generation}"
        by = wish.put.actor if wish.put else f"file:{wish.file}"
        events.add(on, FleetEvent(now, by, "document-assigned", wish.name, told))


def _found(on: Connection, wishes: Wishes) -> Changes:
    members = [item.facts for item in agents.every(on) if item.revoked_at is None]
    assigned = {
        (item.target_id, item.id): Holding(item.version, put=item.actor.type == "user")
        for item in assignments.everything(on)
    }
    return changes(wishes, members, assigned)
