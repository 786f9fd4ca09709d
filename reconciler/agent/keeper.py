"""Keeper: keeps the folder of the orchestrator's documents as it is wished for, tells what became of them, and
removes files that nothing names any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Final, cast

import structlog

from reconciler.agent.contents import Contents, Named
from reconciler.agent.documents import RemoteDocuments
from reconciler.agent.reports import reason_of, word
from reconciler.agent.talk import Talk
from reconciler.controller.board import Board
from reconciler.controller.troubles import Troubles
from reconciler.core.status import DocumentStatus
from reconciler.errors import ReconcilerError, VerificationFailed
from reconciler.inbox.store import InboxStore
from reconciler.protocol.message.common import Artifact, Sync
from reconciler.protocol.message.document import version_of
from reconciler.protocol.message.session import LONGEST_REASON, DocumentReport

TELL_S: Final = 2.0
AGAIN_S: Final = 20.0
COLLECT_S: Final = 600.0
UNCOLLECTED: Final = "files that nothing names any more cannot be removed"
BEHIND: Final = "the orchestrator's documents are not all in force as they are wished for"

log = structlog.get_logger("reconciler")


class Keeper:
    """Used in one event loop. ``talk`` is set before it is used; ``most`` bytes may a file have."""

    talk: Talk

    def __init__(
        self,
        contents: Contents,
        documents: RemoteDocuments,
        *,
        store: InboxStore,
        most: int,
    ) -> None:
        self._contents = contents
        self._documents = documents
        self._store = store
        self._most = most
        self._changed = asyncio.Event()
        self._troubles = Troubles()

    def changed(self) -> None:
        """Other documents are wished for, or files are missing: look soon."""
        self._changed.set()

    async def keep(self) -> None:
        """For ever."""
        while True:
            self._changed.clear()
            try:
                missing = await asyncio.to_thread(self._documents.show)
                if missing:
                    await self._fetch(missing)
                    await asyncio.to_thread(self._documents.show)
                self._troubles.ends(
                    BEHIND, told="the orchestrator's documents are in force as they are wished for"
                )
            except ReconcilerError as error:
                self._troubles.begins(BEHIND, error)
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._changed.wait()

    async def collect(self) -> None:
        """For ever: remove files that nothing names any more."""
        troubles = Troubles()
        while True:
            await asyncio.sleep(COLLECT_S)
            try:
                gone = await asyncio.to_thread(self._documents.collect, time.monotonic())
            except ReconcilerError as error:
                troubles.begins(UNCOLLECTED, error)
            else:
                troubles.ends(UNCOLLECTED, told="files that nothing names any more are removed again")
                if gone:
                    log.info("files that nothing names any more were removed", files=gone)

    async def tell(self, board: Board) -> None:
        """For ever: what became of each document, for the next heartbeat."""
        while True:
            await asyncio.sleep(TELL_S)
            with suppress(ReconcilerError):  # told where it is kept; the next look may tell
                statuses = {item.name: item for item in board.statuses}
                await self.talk.observed(await asyncio.to_thread(self._reports, statuses))

    async def _fetch(self, missing: Iterable[Artifact]) -> None:
        """Each file by its digest. Raises AccessRefused, TemporaryError, VerificationFailed, StateError."""
        async with self._contents.connected() as connected:
            for item in missing:
                if item.size_bytes > self._most:
                    raise VerificationFailed(
                        f"{item.name} has {item.size_bytes} bytes; the agent's policy allows {self._most}"
                    )
                content = BytesIO()
                await connected.fetch(Named(item.name, item.sha256, item.size_bytes), content)
                await asyncio.to_thread(self._documents.keep_artifact, content.getvalue())

    def _reports(self, statuses: Mapping[str, DocumentStatus]) -> list[DocumentReport]:
        return [self._report(name, statuses.get(name)) for name in self._store.wishes(trials=False)]

    def _report(self, name: str, status: DocumentStatus | None) -> DocumentReport:
        refused = self._documents.refusal(name)[:LONGEST_REASON] or None
        shown, desired = self._documents.wanted_by(name), self._documents.desired(name)
        version = version_of(shown.text, shown.artifacts) if shown else None
        if status is None or desired is None:
            return DocumentReport(id=name, refused=refused, observed=version if refused else None)
        looked = status.fingerprint == desired.fingerprint
        return DocumentReport(
            id=name,
            phase=word(status.phase),
            sync=cast("Sync", word(status.sync)),
            health=word(status.health),
            release=status.running_release or None,
            digest=status.running_digest or None,
            refused=refused,
            observed=version if looked or refused else None,
            reason=reason_of(status),
        )
