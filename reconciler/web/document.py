"""The page of one document: how it is, what differs, what would be done, and what was done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.desired import short_digest
from reconciler.core.difference import Drift
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import timestamp
from reconciler.core.status_text import reason_words
from reconciler.core.words import count
from reconciler.web.containers import containers
from reconciler.web.facts import Numbered, Overview, Portrait
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.overview import document_address, notices
from reconciler.web.past import events_section, history_section
from reconciler.web.plan import plan_section
from reconciler.web.words import ago, code, facts_list, table, word

EVENTS: Final = 10
"""Events on a document's page; all there are have pages of their own."""

DRIFT_TITLES: Final = ("Drift", "Path", "Wanted", "Found")
BESIDE_TITLES: Final = ("", "Desired", "Running")


def document_page(
    layout: Layout, portrait: Portrait, seen: Overview, events: Sequence[Numbered], *, more: bool
) -> str:
    """The page. ``events`` are the newest, newest first; ``more``: there are older ones."""
    status, now = portrait.status, seen.now
    return layout.page(
        f"{status.name}: {_title(status)}",
        breadcrumb(),
        h(
            "div",
            h("h1", status.name),
            h("p", word(status.sync), word(status.health), word(status.phase), class_="words"),
            class_="headline",
        ),
        notices(seen),
        _reasons(portrait),
        h(
            "div",
            h("div", _facts(portrait, now), class_="column"),
            h("div", _drift(status, now), plan_section(portrait.plan), class_="column"),
            class_="columns",
        ),
        containers(portrait.parts),
        history_section(portrait.record, now),
        events_section(status.name, events, now, more=more),
        now=now,
    )


def breadcrumb(name: str = "") -> Element:
    """The way back; ``name``: over a document's page."""
    return h(
        "nav",
        h("a", "All documents", href="/"),
        h("a", name, href=document_address(name)) if name else None,
        aria_label="You are here",
        class_="breadcrumb",
    )


def _title(status: DocumentStatus) -> str:
    return f"{status.sync}, {status.health}, {status.phase}"


def _reasons(portrait: Portrait) -> Iterator[Element]:
    said = reason_words(portrait.status)
    if said:
        tone = "plain" if portrait.status.phase in {"Converged", "Reconciling"} else "warn"
        yield h("p", said, class_=f"notice said {tone}")
    if portrait.advice:
        yield h("p", h("strong", "Next: "), _commands(portrait.advice), class_="notice plain")


def _commands(text: str) -> Iterator[Child]:
    """A text with the commands in it, which stand between backticks, as code."""
    for place, piece in enumerate(text.split("`")):
        yield code(piece) if place % 2 else piece


def _facts(portrait: Portrait, now: float) -> Element:
    status = portrait.status
    sides: list[tuple[str, Child, Child]] = [
        ("Release", code(status.desired_release or "none"), code(status.running_release or "none")),
        ("Digest", _digest(status.desired_digest), _digest(status.running_digest)),
        ("Sticker", "current", word(status.sticker)),
    ]
    more: list[tuple[str, Child]] = [
        ("Kind", status.kind),
        ("Target", status.target or "any host"),
        ("Last action", status.last_action or "none"),
        ("Sticker lies in", code(portrait.sticker_place) if portrait.sticker_place else "-"),
    ]
    if status.suspension is not None:
        until = timestamp(status.suspension.until)
        more.append(("Suspended", f"by {status.suspension.by}{f' until {until}' if until else ''}"))
    return h(
        "section",
        h("h2", "Desired and running", id="desired"),
        table("Desired against running", BESIDE_TITLES, sides, class_="beside"),
        h("p", f"{status.sync} for ", ago(status.since, now), class_="since") if status.since else None,
        facts_list(more),
        aria_labelledby="desired",
    )


def _digest(digest: str) -> Element | str:
    return h("code", short_digest(digest), title=digest) if digest else "none"


def _drift(status: DocumentStatus, now: float) -> Element:
    lasting: Child = (" for ", ago(status.since, now)) if status.since and status.sync == "OutOfSync" else None
    content: Child = h("p", "Nothing differs.", class_="quiet")
    if status.sync == "Unknown":
        content = h("p", "Not known.", class_="quiet")
    if status.drift:
        rows = map(_difference, status.drift)
        content = (
            h("p", count(len(status.drift), "difference"), lasting, class_="since"),
            table(f"Drift of {status.name}", DRIFT_TITLES, rows, class_="drift"),
        )
    return h("section", h("h2", "Drift", id="drift"), content, aria_labelledby="drift")


def _difference(item: Drift) -> tuple[Child, ...]:
    return h("span", item.kind, class_="word warn"), code(item.path), code(item.wanted), code(item.found)
