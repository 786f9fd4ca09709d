"""An audit log in memory, with the same promises as the real one."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.audit import Deed
from reconciler.errors import StateUnwritable


@dataclass(frozen=True, kw_only=True)
class Noted:
    """One line: ``kind`` is intent, outcome or late; ``intent`` the number of what an outcome is of."""

    kind: str
    deed: Deed
    outcome: str = ""
    detail: str = ""
    intent: int = 0


class MemoryAudit:
    """``full``: nothing can be noted."""

    def __init__(self) -> None:
        self.full = False
        self.lines: list[Noted] = []
        self._owed: list[Noted] = []

    @property
    def open(self) -> list[Deed]:
        """What was begun and has not ended."""
        ended = {line.intent for line in self.lines}
        intents = ((number, line) for number, line in enumerate(self.lines, start=1) if line.kind == "intent")
        return [line.deed for number, line in intents if number not in ended]

    def intent(self, deed: Deed) -> int:
        self._note(Noted(kind="intent", deed=deed))
        return len(self.lines)

    def outcome(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        self.owe(number, deed, outcome=outcome, detail=detail)
        self.settle()

    def owe(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        self._owed.append(Noted(kind="outcome", deed=deed, outcome=outcome, detail=detail, intent=number))

    def late(self, deed: Deed, *, outcome: str, detail: str = "") -> None:
        self._owed.append(Noted(kind="late", deed=deed, outcome=outcome, detail=detail))
        self.settle()

    def settle(self) -> None:
        if self._owed:
            self._note(None)

    def _note(self, line: Noted | None) -> None:
        if self.full:
            raise StateUnwritable("the disk is full")
        self.lines += [*self._owed, *((line,) if line else ())]
        self._owed = []
