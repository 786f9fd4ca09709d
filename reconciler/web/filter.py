"""Filter: which documents the table shows, as its address says it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import HEALTHS, SYNCS, reason_words, release_word
from reconciler.web.choosing import Leaf, address_of, all_in, asked_page, asked_text, asked_word

PAGE: Final = 500
"""Documents on one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """An empty word lets everything pass. ``page`` counts from 1."""

    text: str = ""
    sync: str = ""
    health: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """What an address asks for."""
        return cls(
            text=asked_text(query),
            sync=asked_word(query, "sync", SYNCS),
            health=asked_word(query, "health", HEALTHS),
            page=asked_page(query),
        )

    @property
    def filters(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.text or self.sync or self.health)

    def chosen(self, statuses: Iterable[DocumentStatus]) -> tuple[DocumentStatus, ...]:
        """Those that it lets pass, in their order, on all pages."""
        return tuple(item for item in statuses if self._passes(item))

    def leaf(self, passing: int) -> Leaf:
        """Of so many."""
        return Leaf(self.page, PAGE, passing)

    def shown(self, chosen: tuple[DocumentStatus, ...]) -> tuple[DocumentStatus, ...]:
        """Those of this page."""
        first = self.leaf(len(chosen)).first
        return chosen[first : first + PAGE]

    def address(self, **changes: str | int) -> str:
        """The address of the table with this filter, or with another one."""
        now: dict[str, str | int] = {"q": self.text, "sync": self.sync, "health": self.health, "page": self.page}
        return address_of("/", {**now, **changes})

    def _passes(self, item: DocumentStatus) -> bool:
        if self.sync not in {"", item.sync} or self.health not in {"", item.health}:
            return False
        return not self.text or all_in(self.text, _said_of(item))


def _said_of(item: DocumentStatus) -> tuple[str, ...]:
    """All that the table says of a document, to look for words in."""
    drift = (f"{one.kind} {one.path}" for one in item.drift)
    return (item.name, item.kind, item.target, item.phase, release_word(item), reason_words(item), *drift)
