"""Upkeep: what time alone brings about, and whether the orchestrator is well.

Tasks whose agent is away expire here; what is old is forgotten. Health is answered from memory: of the last round,
which writes to the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from reconciler.errors import ReconcilerError
from reconciler.orchestrator.store import agents, artifacts, events, invitations, tasks
from reconciler.orchestrator.store.database import Database
from reconciler.protocol import states

EVERY_S: Final = 15.0
SILENT_S: Final = 60.0
"""After so long without a round the loop does not turn any more."""

KEPT: Final = timedelta(days=30)
"""How long tasks are kept that are over, with their results and logs."""

UNNAMED: Final = timedelta(days=1)
"""How long a file is kept that nothing names: who sends one names it soon after."""

log = structlog.get_logger("reconciler.orchestrator")


class Upkeep:
    """``ended`` hears of tasks that ended by time alone. ``members``: how many agents there are."""

    def __init__(self, database: Database, ended: Callable[[tasks.Kept, datetime], None]) -> None:
        self._database = database
        self._ended = ended
        self._last = time.monotonic()
        self._trouble = "the store was not looked at yet"
        self._dead = ""
        self.members = 0
        self._one = asyncio.Lock()

    def healthy(self) -> tuple[bool, str]:
        """Whether the loop turns, and all of its parts with it."""
        if self._dead:
            return False, self._dead
        silent = time.monotonic() - self._last
        return silent < SILENT_S, "" if silent < SILENT_S else "the last round was too long ago"

    def ready(self) -> tuple[bool, str]:
        """Whether agents and people can be served."""
        return not self._trouble, self._trouble

    def died(self, part: str) -> None:
        """A part of the program has ended that should not: only a new start brings it back."""
        self._dead = f"a part of the orchestrator has ended: {part}"

    async def work(self) -> None:
        """A round from time to time, for ever."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Do what is due. One round at a time: the last one begun is the last one told of."""
        async with self._one:
            await self._whole_round()

    async def _whole_round(self) -> None:
        try:
            ended = await asyncio.to_thread(self._round, datetime.now(UTC))
            self._trouble = ""
        except ReconcilerError as error:
            if self._trouble != str(error):
                log.warning("the store does not work", error=str(error))
            ended, self._trouble = [], str(error)
        self._last = time.monotonic()
        for kept in ended:
            self._ended(kept, datetime.now(UTC))

    def _round(self, now: datetime) -> list[tasks.Kept]:
        with self._database.write() as on:
            due = [(kept, states.lapsed(kept.record, now)) for kept in tasks.overdue(on, now)]
            ended = [(kept, after) for kept, after in due if after != kept.record]
            for kept, after in ended:
                tasks.advance(on, kept, after, now=now)
            self.members = agents.count(on)
            tasks.forget(on, before=now - KEPT)
            invitations.forget(on, before=now)
            artifacts.forget(on, before=now - UNNAMED)
            events.forget(on)
            return [replace(kept, record=after) for kept, after in ended]
