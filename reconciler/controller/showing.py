"""Showing: what the status page is told. Reads the board and the history; asks no engine and changes nothing.

May block on the history's file, so it is asked in threads of the web server's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reconciler.controller.assess import Assessment
from reconciler.controller.board import Board
from reconciler.controller.catalogue import Catalogue
from reconciler.core.comparison import compare
from reconciler.core.counterpart import Counterpart
from reconciler.core.desired import StickerPlace
from reconciler.core.evidence import spoken
from reconciler.core.image import short_digest
from reconciler.core.next_step import next_step
from reconciler.core.record import Record
from reconciler.core.status_text import worst_first
from reconciler.core.views import view_of
from reconciler.errors import ReconcilerError
from reconciler.history import History
from reconciler.web.facts import Numbered, Overview, Part, Portrait

LOG_BYTES = 8192
"""What is shown of a container's health checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """``clock`` is seconds since the epoch; ``secrets`` gives the spellings of a document's opened secrets, which
    its containers may print.
    """

    board: Board
    catalogue: Catalogue
    history: History
    clock: Callable[[], float]
    host: str
    secrets: Callable[[str], Sequence[str]] = field(default=lambda _: ())

    def overview(self) -> Overview:
        """All documents, from memory."""
        board = self.board
        ready, reason = board.ready()
        return Overview(
            host=self.host,
            now=self.clock(),
            looked_at=board.last_pass,
            statuses=tuple(worst_first(board.statuses)),
            troubles=tuple(filter(None, ("" if ready else reason, board.audit_problem))),
            problems=tuple(map(str, self.catalogue.loaded.problems)),
        )

    def portrait(self, name: str) -> Portrait | None:
        """One document; None where neither the board nor the history has it."""
        status = next((item for item in self.board.statuses if item.name == name), None)
        if status is None:
            return None
        seen, record = self.board.assessment(name), self.history.record(name)
        return Portrait(
            status=status,
            record=record,
            plan=seen.plan if seen else None,
            parts=self._parts(seen) if seen else (),
            advice=next_step(record, status.phase),
            sticker_place=_place(seen.situation.desired.sticker) if seen else "",
        )

    def record(self, name: str) -> Record:
        """What the history knows."""
        return self.history.record(name)

    def events(self, name: str, *, before: int, limit: int) -> tuple[Numbered, ...]:
        """The newest first."""
        return self.history.events_before(before, name, limit=limit)

    def _parts(self, seen: Assessment) -> tuple[Part, ...]:
        return tuple(self._part(seen, item) for item in view_of(seen.situation).counterparts())

    def _part(self, seen: Assessment, item: Counterpart) -> Part:
        row = item.row
        return Part(
            name=row.name,
            id=short_digest(row.id),
            state=row.status if row.health == "none" else f"{row.status}, {row.health}",
            fields=compare(item, seen.plan.drift),
            health_log=self._health_log(seen.plan.document, item),
        )

    def _health_log(self, document: str, item: Counterpart) -> tuple[str, ...]:
        detail = item.detail
        if detail is None or not detail.health_log:
            return ()
        try:
            opened = self.secrets(document)
        except ReconcilerError as trouble:
            return (f"not shown: {trouble.message}",)
        environment = detail.config.environment or {}
        text = spoken(detail.health_log, environment=environment, opened=opened, limit=LOG_BYTES)
        return tuple(text.splitlines())


def _place(place: StickerPlace) -> str:
    return f"{place.path} in the volume {place.volume}" if place.location == "volume" else place.path
