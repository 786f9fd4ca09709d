"""Last heard: when each agent was heard of, kept in memory and written for many at once, every few seconds.

A heartbeat that tells nothing else costs the store nothing by itself. A kill loses the last seconds of it, and
nothing more: an agent that is there says so again with its next heartbeat.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import structlog

from reconciler.errors import ReconcilerError
from reconciler.orchestrator.store import agents
from reconciler.orchestrator.store.database import Database
from reconciler.protocol.session.events import Alive

EVERY_S: Final = 2.0
"""How old what the store says may be beyond what was heard. An agent counts as away after minutes."""

log = structlog.get_logger("reconciler.orchestrator")


class LastHeard:
    """Used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, agents.Heard] = {}
        self._writing = asyncio.Lock()

    def note(self, heard: Alive, now: datetime) -> None:
        """It was heard of at this moment."""
        self._waiting[heard.agent] = agents.Heard(now, heard.clock_offset_ms, heard.position)

    async def work(self) -> None:
        """Write what came, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.finish()

    async def finish(self) -> None:
        """Write what waits. Where that cannot be, it is logged, and tried again with what comes."""
        async with self._writing:
            waiting, self._waiting = self._waiting, {}
            if not waiting:
                return
            try:
                await asyncio.to_thread(self._write, waiting)
            except ReconcilerError as error:
                log.warning("when agents were heard of could not be written", error=str(error))
                self._waiting = waiting | self._waiting

    def _write(self, waiting: dict[str, agents.Heard]) -> None:
        with self._database.write() as on:
            agents.alive(on, waiting)
