"""The table of documents, worst first, with its filter. Pure: the same facts give the same page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import (
    HEALTHS,
    SYNCS,
    TITLES,
    drift_word,
    reason_words,
    release_word,
    tally,
    worst_count,
)
from reconciler.core.words import count
from reconciler.web.facts import Overview
from reconciler.web.filter import LONGEST, PAGE, Filter
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import ago, labelled, nil, row, table, word

MOST_PROBLEMS: Final = 20


def document_address(name: str) -> str:
    """Where a document's page is."""
    return f"/documents/{quote(name, safe='')}"


def overview_page(layout: Layout, seen: Overview, chosen: Filter) -> str:
    """The page."""
    passing = chosen.chosen(seen.statuses)
    shown = chosen.shown(passing)
    return layout.page(
        worst_count(seen.statuses, len(seen.problems)),
        h("h1", "Documents"),
        notices(seen),
        h("div", _tallies(seen.statuses, chosen), class_="tallies"),
        _form(chosen),
        _found(seen, chosen, passing, shown),
        table("Documents, worst first", TITLES, (_row(item, seen.now) for item in shown), class_="documents")
        if shown
        else None,
        _pages(chosen, len(passing)),
        now=seen.now,
    )


def notices(seen: Overview) -> Iterator[Element]:
    """What is wrong with the whole."""
    for trouble in seen.troubles:
        yield h("p", trouble, class_="notice bad")
    if seen.problems:
        more = len(seen.problems) - MOST_PROBLEMS
        yield h(
            "div",
            h("p", "Not in force as it is written:"),
            h("ul", (h("li", problem) for problem in seen.problems[:MOST_PROBLEMS])),
            h("p", f"and {count(more, 'more problem')}: reconciler validate shows all") if more > 0 else None,
            class_="notice warn",
        )


def _tallies(statuses: Sequence[DocumentStatus], chosen: Filter) -> Iterator[Element]:
    """How many there are of each word; each leads to those."""
    for name, words, order in (
        ("sync", [item.sync for item in statuses], SYNCS),
        ("health", [item.health for item in statuses], HEALTHS),
    ):
        found = tally(words, order)
        if found:
            items = (_tally(name, text, number, chosen) for text, number in found)
            yield h("ul", items, aria_label=f"By {name}")


def _tally(name: str, text: str, number: int, chosen: Filter) -> Element:
    by_sync = name == "sync"
    now = text == (chosen.sync if by_sync else chosen.health)
    wish = "" if now else text
    address = chosen.address(sync=wish, page=1) if by_sync else chosen.address(health=wish, page=1)
    return h(
        "li", h("a", h("strong", str(number)), word(text), href=address, aria_current="true" if now else None)
    )


def _form(chosen: Filter) -> Element:
    text = h(
        "input",
        id="q",
        name="q",
        type="search",
        value=chosen.text,
        maxlength=LONGEST,
        autocomplete="off",
        spellcheck="false",
        enterkeyhint="search",
    )
    return h(
        "form",
        labelled("Filter", text, for_="q"),
        _choice("sync", "Sync", SYNCS, chosen.sync),
        _choice("health", "Health", HEALTHS, chosen.health),
        h("button", "Show", type="submit"),
        h("a", "Clear", href="/", class_="clear") if chosen.filters else None,
        action="/",
        method="get",
        role="search",
        class_="filter",
    )


def _choice(name: str, title: str, words: Sequence[str], now: str) -> Element:
    options = [h("option", "any", value="")]
    options += [h("option", text, value=text, selected=text == now) for text in words]
    return labelled(title, h("select", options, id=name, name=name), for_=name)


def _found(
    seen: Overview, chosen: Filter, passing: Sequence[DocumentStatus], shown: Sequence[DocumentStatus]
) -> Element:
    """How many are shown, of how many."""
    everything = count(len(seen.statuses), "document")
    if not seen.statuses:
        text = "No document is known here"
    elif not passing:
        text = f"None of {everything} is like that"
    elif len(shown) < len(passing):
        first = (chosen.page - 1) * PAGE + 1
        text = f"{first} to {first + len(shown) - 1} of {count(len(passing), 'document')}"
    else:
        text = f"{len(passing)} of {everything}" if chosen.filters else everything
    looked: Child = (", looked at ", ago(seen.looked_at, seen.now), " ago") if seen.looked_at else None
    return h("p", text, looked, class_="found")


def _row(item: DocumentStatus, now: float) -> Element:
    cells: tuple[Child, ...] = (
        h("a", item.name, href=document_address(item.name)),
        word(item.sync),
        word(item.health),
        release_word(item),
        nil(drift_word(item)),
        ago(item.since, now),
        reason_words(item),
    )
    return row(TITLES, cells, id=f"document-{item.name}")


def _pages(chosen: Filter, passing: int) -> Element | None:
    last = max(1, -(-passing // PAGE))
    if last == 1 and chosen.page == 1:
        return None
    before, after = min(chosen.page - 1, last), chosen.page + 1
    return h(
        "nav",
        h("a", "Before", href=chosen.address(page=before), rel="prev") if before else None,
        h("span", f"page {chosen.page} of {last}"),
        h("a", "After", href=chosen.address(page=after), rel="next") if after <= last else None,
        aria_label="Pages",
        class_="pages",
    )
