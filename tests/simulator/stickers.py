"""Stickers in memory, with places that cannot be read or written on demand."""

from __future__ import annotations

from reconciler.core.desired import StickerPlace
from reconciler.core.observation import StickerReading
from reconciler.errors import ReconcilerError


class MemoryStickers:
    """``contents`` is free for tests to forge; ``writes`` and ``removals`` count what was asked."""

    def __init__(self) -> None:
        self.contents: dict[StickerPlace, bytes] = {}
        self.unreadable: dict[StickerPlace, str] = {}
        self.write_error: ReconcilerError | None = None
        self.writes = 0
        self.removals = 0

    def read(self, place: StickerPlace, *, helper: str) -> StickerReading:
        if place in self.unreadable:
            return StickerReading(fact="unreadable", problem=self.unreadable[place])
        if place not in self.contents:
            return StickerReading(fact="absent")
        return StickerReading(fact="present", content=self.contents[place])

    def write(self, place: StickerPlace, content: bytes, *, helper: str) -> None:
        self.writes += 1
        if self.write_error is not None:
            raise self.write_error
        self.contents[place] = content

    def remove(self, place: StickerPlace, *, helper: str) -> None:
        self.removals += 1
        self.contents.pop(place, None)
