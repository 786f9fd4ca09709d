"""Clerk: writes down what was refused, without making anybody wait for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from reconciler.errors import ReconcilerError
from reconciler.orchestrator.store import events
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.store.events import FleetEvent

WAITING = 256
"""How many may wait to be written; of more, it is counted how many were left out."""

log = structlog.get_logger("reconciler.orchestrator")


class Clerk:
    """Used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[FleetEvent] = []
        self._left_out = 0
        self._woken = asyncio.Event()
        self._writing = asyncio.Lock()

    def note(self, actor: str, what: str, about: str, detail: str = "") -> None:
        """It happened now."""
        log.info(what, actor=actor, about=about, detail=detail)
        if len(self._waiting) >= WAITING:
            self._left_out += 1
            return
        self._waiting.append(FleetEvent(datetime.now(UTC), actor, what, about, detail))
        self._woken.set()

    async def work(self) -> None:
        """Write what comes, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.finish()

    async def finish(self) -> None:
        """Write what waits. Where that cannot be, it is logged, and lost here."""
        async with self._writing:
            await self._finish()

    async def _finish(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._left_out:
            told = f"{self._left_out} events were left out"
            waiting.append(FleetEvent(datetime.now(UTC), "orchestrator", "events-left-out", "", told))
            self._left_out = 0
        try:
            await asyncio.to_thread(self._write, waiting)
        except ReconcilerError as error:
            log.warning("events could not be written", count=len(waiting), error=str(error))

    def _write(self, waiting: list[FleetEvent]) -> None:
        if waiting:
            with self._database.write() as on:
                for event in waiting:
                    events.add(on, event)
