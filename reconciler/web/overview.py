"""The table of documents, worst first, with its filter. Pure: the same facts give the same page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from reconciler.web.choosing import Leaf, choice, form, search, tallies
from reconciler.web.choosing import tally as one_tally
from reconciler.web.facts import Overview
from reconciler.web.filter import Filter
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.notices import troubles_and_problems
from reconciler.web.words import ago, nil, row, table, word


def document_address(name: str) -> str:
    """Where a document's page is."""
    return f"/documents/{quote(name, safe='')}"


def overview_page(layout: Layout, seen: Overview, chosen: Filter) -> str:
    """The page."""
    passing = chosen.chosen(seen.statuses)
    shown, leaf = chosen.shown(passing), chosen.leaf(len(passing))
    return layout.page(
        worst_count(seen.statuses, len(seen.problems)),
        h("h1", "Documents"),
        notices(seen),
        h("div", _tallies(seen.statuses, chosen), class_="tallies"),
        _form(chosen),
        _found(seen, chosen, leaf),
        table("Documents, worst first", TITLES, (_row(item, seen.now) for item in shown), class_="list documents")
        if shown
        else None,
        leaf.links(lambda page: chosen.address(page=page)),
        now=seen.now,
    )


def notices(seen: Overview) -> Iterator[Element]:
    """What is wrong with the whole."""
    return troubles_and_problems(
        seen.troubles, seen.problems, title="Not in force as it is written:", all_by="reconciler validate"
    )


def _tallies(statuses: Sequence[DocumentStatus], chosen: Filter) -> Iterator[Element | None]:
    """How many there are of each word; each leads to those."""
    syncs, healths = (
        tally((item.sync for item in statuses), SYNCS),
        tally((item.health for item in statuses), HEALTHS),
    )
    yield tallies("By sync", (_by_sync(text, number, chosen) for text, number in syncs))
    yield tallies("By health", (_by_health(text, number, chosen) for text, number in healths))


def _by_sync(text: str, number: int, chosen: Filter) -> Element:
    now = text == chosen.sync
    return one_tally(text, number, chosen.address(sync="" if now else text, page=1), now=now)


def _by_health(text: str, number: int, chosen: Filter) -> Element:
    now = text == chosen.health
    return one_tally(text, number, chosen.address(health="" if now else text, page=1), now=now)


def _form(chosen: Filter) -> Element:
    return form(
        search("Filter", "q", chosen.text),
        choice("sync", "Sync", SYNCS, chosen.sync),
        choice("health", "Health", HEALTHS, chosen.health),
        path="/",
        filters=chosen.filters,
    )


def _found(seen: Overview, chosen: Filter, leaf: Leaf) -> Element:
    """How many are shown, of how many."""
    everything = len(seen.statuses)
    text = (
        leaf.words("document", everything, filtered=chosen.filters) if everything else "No document is known here"
    )
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
