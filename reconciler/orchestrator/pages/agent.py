"""The page of one agent: its documents, its last tasks, its certificate. Pure."""

from __future__ import annotations

from typing import Final

from reconciler.core.words import age, count
from reconciler.orchestrator.pages.facts import AgentPortrait, FleetFacts, PartFacts
from reconciler.orchestrator.pages.fleet import heard, presence_words
from reconciler.orchestrator.pages.parts import (
    AGENTS,
    STANDINGS,
    TASKS,
    breadcrumb,
    condition,
    document_link,
    generation,
    labels,
    notices,
    release,
    sync,
    tasks_table,
)
from reconciler.web.choosing import address_of
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import at, facts_list, nil, row, table, word

TITLES: Final = ("Document", "Stands", "Condition", "Sync", "Release", "Generation", "Why")
MOST: Final = 500
"""Documents, and labels, of one host that are shown."""


def agent_page(layout: Layout, portrait: AgentPortrait, seen: FleetFacts) -> str:
    """The page."""
    facts, now = portrait.facts, seen.now
    worst = facts.worst.condition if facts.worst else "no documents"
    return layout.page(
        f"{facts.name}: {facts.presence}, {worst}",
        breadcrumb("All agents", AGENTS),
        h(
            "div",
            h("h1", facts.name),
            h("p", presence_words(facts), class_="words"),
            class_="headline",
        ),
        notices(seen),
        _facts(portrait, now),
        _documents(portrait),
        _tasks(portrait, now),
        now=now,
        here=AGENTS,
    )


def _facts(portrait: AgentPortrait, now: float) -> Element:
    facts = portrait.facts
    items: list[tuple[str, Child]] = [
        ("Heard of", heard(facts.seen, now)),
        ("Over", facts.carrier or "-"),
        ("Version", facts.version or "-"),
        ("Certificate", _certificate(facts.certificate_ends, now)),
        ("Clock", _clock(portrait.clock_offset_ms)),
        ("Joined", at(portrait.enrolled)),
        ("Labels", labels(facts.labels, MOST) if facts.labels else "none"),
    ]
    return h("section", h("h2", "Agent", id="agent"), facts_list(items), aria_labelledby="agent", class_="summary")


def _certificate(ends: float, now: float) -> Child:
    if not ends:
        return "-"
    if ends <= now:
        return h("span", "ended ", age(ends, now), " ago: it has to join anew", class_="word bad")
    return f"ends in {age(now, ends)}, ", at(ends)


def _clock(offset_ms: int | None) -> str:
    if offset_ms is None:
        return "-"
    if abs(offset_ms) < 1000:
        return "right to the second"
    return f"{abs(offset_ms) / 1000:.0f} s {'ahead' if offset_ms > 0 else 'behind'}"


def _documents(portrait: AgentPortrait) -> Element:
    parts = portrait.parts
    content: Child = h("p", "It has no documents.", class_="quiet")
    if parts:
        rows = (_part(item) for item in parts[:MOST])
        content = table("Documents, worst first", TITLES, rows, class_="list parts")
    more = len(parts) - MOST
    return h(
        "div",
        h("h2", count(len(parts), "document") if parts else "Documents", id="documents"),
        content,
        h("p", f"and {more} more", class_="quiet") if more > 0 else None,
        class_="block",
    )


def _part(item: PartFacts) -> Element:
    cells: tuple[Child, ...] = (
        document_link(item.document),
        word(STANDINGS[item.standing]) if item.generation is not None else nil("-"),
        condition(item),
        sync(item),
        release(item),
        generation(item),
        h("span", item.why, class_="said"),
    )
    return row(TITLES, cells, id=f"document-{item.document}")


def _tasks(portrait: AgentPortrait, now: float) -> Element:
    content: Child = h("p", "It was asked for none.", class_="quiet")
    if portrait.tasks:
        content = tasks_table(portrait.tasks, now, agent=False)
    every = address_of(TASKS, {"agent": portrait.facts.name})
    return h(
        "div",
        h("h2", "Last tasks", id="tasks"),
        content,
        h("p", h("a", "All tasks of this agent", href=every), class_="pages") if portrait.tasks else None,
        class_="block",
    )
