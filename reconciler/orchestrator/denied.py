"""Denied: who may not speak, in memory for as long as nothing was written to the database.

It is asked for with every request and every message. Whoever denies somebody, here or in another process of this
host, writes to the database, and by that alone the list is read again before the next answer.
"""

from __future__ import annotations

import asyncio

from reconciler.orchestrator.store import agents
from reconciler.orchestrator.store.database import Database
from reconciler.tls.admission import NOBODY, Denied


class DeniedList:
    """Used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._as_of: int | None = None
        self._last = NOBODY

    async def now(self) -> Denied:
        """As it is in the database. Raises StateError."""
        version = self._database.version()  # before it is read: what is written meanwhile has a later one
        if version != self._as_of:
            self._last = await asyncio.to_thread(self._read)
            self._as_of = version
        return self._last

    def _read(self) -> Denied:
        with self._database.read() as on:
            return agents.denied(on)
