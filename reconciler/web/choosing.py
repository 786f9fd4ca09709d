"""Choosing: the parts with which any table is filtered and leafed through, and the addresses that say so. Pure.

What an address says is not ours to trust: words that nobody knows are as if they were not there, a text is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from reconciler.core.words import count
from reconciler.web.html import Child, Element, h
from reconciler.web.words import labelled, word

LONGEST: Final = 100
MOST_PAGES: Final = 10_000


def asked_text(query: Mapping[str, str], name: str = "q") -> str:
    """What somebody wrote."""
    return query.get(name, "").strip()[:LONGEST]


def asked_word(query: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    """One of these, or none."""
    said = query.get(name, "")
    return said if said in words else ""


def asked_number(query: Mapping[str, str], name: str) -> int:
    """0 where there is none."""
    said = query.get(name, "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else 0


def asked_page(query: Mapping[str, str]) -> int:
    """Counted from 1."""
    said = asked_number(query, "page")
    return said if 1 <= said <= MOST_PAGES else 1


def address_of(path: str, said: Mapping[str, str | int]) -> str:
    """A path with what is asked for there; what is asked for anyhow is left out."""
    asked = {key: value for key, value in said.items() if value and (key, value) != ("page", 1)}
    return f"{path}?{urlencode(asked)}" if asked else path


def all_in(text: str, said: Iterable[str]) -> bool:
    """Whether each word of a text stands somewhere in what is said."""
    words = text.casefold().split()
    if not words:
        return True
    whole = "\n".join(said).casefold()
    return all(item in whole for item in words)


@dataclass(frozen=True, slots=True)
class Leaf:
    """Which of so many things stand on a page; ``page`` counts from 1."""

    page: int
    size: int
    passing: int

    @property
    def first(self) -> int:
        """How many stand on the pages before."""
        return (self.page - 1) * self.size

    @property
    def last_page(self) -> int:
        """1 also where there is nothing."""
        return max(1, -(-self.passing // self.size))

    @property
    def shown(self) -> int:
        """How many stand on this page."""
        return max(0, min(self.size, self.passing - self.first))

    def words(self, noun: str, everything: int, *, filtered: bool) -> str:
        """How many are shown, of how many; there is something at all."""
        whole = count(everything, noun)
        if not self.passing:
            return f"None of {whole} is like that"
        if not self.shown:
            return f"None of {count(self.passing, noun)} is on page {self.page}"
        if self.shown < self.passing:
            return f"{self.first + 1} to {self.first + self.shown} of {count(self.passing, noun)}"
        return f"{self.passing} of {whole}" if filtered else whole

    def links(self, address: Callable[[int], str]) -> Element | None:
        """To the pages beside this one; None where there is no other."""
        if self.last_page == 1 and self.page == 1:
            return None
        before, after = min(self.page - 1, self.last_page), self.page + 1
        return h(
            "nav",
            h("a", "Before", href=address(before), rel="prev") if before else None,
            h("span", f"page {self.page} of {self.last_page}"),
            h("a", "After", href=address(after), rel="next") if after <= self.last_page else None,
            aria_label="Pages",
            class_="pages",
        )


def tallies(title: str, items: Iterable[Element]) -> Element | None:
    """Numbers that lead to what they count; None where there are none."""
    found = list(items)
    return h("ul", found, aria_label=title) if found else None


def tally(text: str | Element, number: int, address: str, *, now: bool = False) -> Element:
    """One of them; ``now``: that is what is shown."""
    said = word(text) if isinstance(text, str) else text
    return h("li", h("a", h("strong", str(number)), said, href=address, aria_current="true" if now else None))


def search(title: str, name: str, now: str) -> Element:
    """A text to look for."""
    text = h(
        "input",
        id=name,
        name=name,
        type="search",
        value=now,
        maxlength=LONGEST,
        autocomplete="off",
        spellcheck="false",
        enterkeyhint="search",
    )
    return labelled(title, text, for_=name)


def choice(name: str, title: str, words: Sequence[str], now: str) -> Element:
    """One word of some, or any."""
    options = [h("option", "any", value="")]
    options += [h("option", text, value=text, selected=text == now) for text in words]
    return labelled(title, h("select", options, id=name, name=name), for_=name)


def form(*controls: Child, path: str, filters: bool) -> Element:
    """What is asked for with the address of ``path``; ``filters``: something is now."""
    return h(
        "form",
        controls,
        h("button", "Show", type="submit"),
        h("a", "Clear", href=path, class_="clear") if filters else None,
        action=path,
        method="get",
        role="search",
        class_="filter",
    )
