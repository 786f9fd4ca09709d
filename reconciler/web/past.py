"""What happened to a document: its generations, what each changed, and its events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.desired import DesiredState, short_digest
from reconciler.core.past_text import EVENT_TITLES, OPERATION_TITLES, because, result_words
from reconciler.core.record import Event, Operation, Record, Revision
from reconciler.web.facts import Numbered
from reconciler.web.html import Child, Element, h
from reconciler.web.overview import document_address
from reconciler.web.patches import patches
from reconciler.web.words import ago, at, code, facts_list, table, word

LONGEST_PATCH: Final = 2_000
"""Lines of a diff that are shown."""

_KINDS: Final = {"+": "added", "-": "gone", "@": "place"}


def history_section(record: Record, now: float) -> Element:
    """All generations that are kept, newest first."""
    rows = (_operation(record, item, now) for item in reversed(record.operations))
    content = table("Generations, newest first", OPERATION_TITLES, rows, class_="history")
    nothing = h("p", "It was never deployed.", class_="quiet")
    return h(
        "section",
        h("h2", "History", id="history"),
        content if record.operations else nothing,
        _quarantined(record),
        aria_labelledby="history",
    )


def _operation(record: Record, operation: Operation, now: float) -> tuple[Child, ...]:
    revision = record.revision(operation.fingerprint)
    return (
        h("a", str(operation.generation), href=generation_address(record.document, operation.generation)),
        operation.kind,
        word(operation.state),
        code(revision.release.id) if revision else "-",
        code(short_digest(revision.digest)) if revision else "-",
        ago(operation.started_at, now),
        h("span", result_words(record, operation), class_="said"),
    )


def _quarantined(record: Record) -> Element | None:
    if not record.quarantined:
        return None
    revisions = ((record.revision(key), reason) for key, reason in record.quarantined.items())
    items = (
        h("li", "quarantined: ", code(revision.release.id if revision else "-"), f" {reason}")
        for revision, reason in revisions
    )
    return h("ul", items, class_="notes")


def generation_address(name: str, generation: int) -> str:
    """Where it stands what a generation changed."""
    return f"{document_address(name)}/generations/{generation}"


def events_address(name: str, before: int = 0) -> str:
    """Where the events of a document are, from the one before this number on."""
    return f"{document_address(name)}/events{f'?before={before}' if before else ''}"


def events_section(name: str, events: Sequence[Numbered], now: float, *, more: bool) -> Element:
    """Events, newest first; ``more``: there are older ones."""
    content: Child = h("p", "Nothing was ever done for it.", class_="quiet")
    if events:
        rows = (_event(item, now) for _, item in events)
        content = table("Events, newest first", EVENT_TITLES, rows, class_="events")
    older = events_address(name, events[-1][0]) if more and events else ""
    return h(
        "section",
        h("h2", "Events", id="events"),
        content,
        h("p", h("a", "Older events", href=older, rel="next"), class_="pages") if older else None,
        aria_labelledby="events",
    )


def _event(event: Event, now: float) -> tuple[Child, ...]:
    said = h("span", because(event), class_="said")
    return ago(event.at, now), event.action, word(event.outcome), h("span", event.target, class_="said"), said


def generation_content(record: Record, operation: Operation) -> Iterator[Child]:
    """What a generation was, and what it changed."""
    revision, before = record.revision(operation.fingerprint), previous(record, operation)
    facts: list[tuple[str, Child]] = [
        ("Kind", operation.kind),
        ("State", word(operation.state)),
        ("Release", code(revision.release.id) if revision else "-"),
        ("Started", at(operation.started_at)),
        ("Ended", at(operation.ended_at)),
        ("By", operation.actor or "-"),
        ("Because", operation.cause or "-"),
        ("Result", h("span", result_words(record, operation), class_="said")),
    ]
    yield h("section", h("h2", "What it was", id="what"), facts_list(facts), aria_labelledby="what")
    title = f"What it changed since generation {before[0]}" if before else "What it was made from"
    changes = _patches(before[1].desired if before else None, revision.desired if revision else None)
    yield h("section", h("h2", title, id="changes"), changes, aria_labelledby="changes")


def previous(record: Record, operation: Operation) -> tuple[int, Revision] | None:
    """The generation that served before it, with what it was made from."""
    earlier = [
        item for item in record.operations if item.generation < operation.generation and item.state == "committed"
    ]
    revision = record.revision(earlier[-1].fingerprint) if earlier else None
    return (earlier[-1].generation, revision) if revision else None


def _patches(before: DesiredState | None, after: DesiredState | None) -> Iterator[Element]:
    if after is None:
        yield h("p", "Its document is no longer kept.", class_="quiet")
        return
    found = patches(before, after)
    if not found:
        yield h("p", "Nothing: the same document again.", class_="quiet")
    for name, lines in found:
        cut = len(lines) - LONGEST_PATCH
        shown = (h("li", line, class_=_KINDS.get(line[:1])) for line in lines[:LONGEST_PATCH])
        yield h("h3", name)
        yield h("ol", shown, class_="patch")
        if cut > 0:
            yield h("p", f"and {cut} more lines", class_="quiet")
