"""Filter: which documents the table shows, as its address says it. Pure.

What an address says is not ours to trust: words that nobody knows are as if they were not there, a text is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import HEALTHS, SYNCS, reason_words, release_word

LONGEST: Final = 100
PAGE: Final = 500
"""Documents on one page."""

MOST_PAGES: Final = 10_000


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
        number = query.get("page", "")
        page = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1
        return cls(
            text=query.get("q", "").strip()[:LONGEST],
            sync=_known(query.get("sync", ""), SYNCS),
            health=_known(query.get("health", ""), HEALTHS),
            page=min(max(page, 1), MOST_PAGES),
        )

    @property
    def filters(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.text or self.sync or self.health)

    def chosen(self, statuses: Iterable[DocumentStatus]) -> tuple[DocumentStatus, ...]:
        """Those that it lets pass, in their order, on all pages."""
        return tuple(item for item in statuses if self._passes(item))

    def shown(self, chosen: tuple[DocumentStatus, ...]) -> tuple[DocumentStatus, ...]:
        """Those of this page."""
        first = (self.page - 1) * PAGE
        return chosen[first : first + PAGE]

    def address(self, **changes: str | int) -> str:
        """The address of the table with this filter, or with another one."""
        now: dict[str, str | int] = {"q": self.text, "sync": self.sync, "health": self.health, "page": self.page}
        said = {**now, **changes}
        said = {key: value for key, value in said.items() if value and (key, value) != ("page", 1)}
        return f"/?{urlencode(said)}" if said else "/"

    def _passes(self, item: DocumentStatus) -> bool:
        if self.sync not in {"", item.sync} or self.health not in {"", item.health}:
            return False
        words = self.text.casefold().split()
        return not words or all(word in _said_of(item) for word in words)


def _known(word: str, words: tuple[str, ...]) -> str:
    return word if word in words else ""


def _said_of(item: DocumentStatus) -> str:
    """All that the table says of a document, to look for words in."""
    drift = (f"{one.kind} {one.path}" for one in item.drift)
    said = (item.name, item.kind, item.target, item.phase, release_word(item), reason_words(item), *drift)
    return "\n".join(said).casefold()
