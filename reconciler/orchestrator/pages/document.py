"""The page of one document: on which hosts it is, how it stands there, and why it is not on others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from reconciler.core.desired import short_digest
from reconciler.core.words import count, listed
from reconciler.orchestrator.pages.facts import DocumentPortrait, FleetFacts, PartFacts, RolloutFacts
from reconciler.orchestrator.pages.parts import (
    DOCUMENTS,
    STANDINGS,
    agent_link,
    breadcrumb,
    condition,
    document_address,
    generation,
    notices,
    release,
    share,
)
from reconciler.web.choosing import Leaf, address_of, asked_page
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import at, facts_list, row, table, word

PAGE: Final = 200
MOST_NAMES: Final = 20
"""Hosts without it that are named, for each reason."""

TITLES: Final = ("Host", "Stands", "Condition", "Release", "Generation", "Why")


def document_page(layout: Layout, portrait: DocumentPortrait, seen: FleetFacts, query: Mapping[str, str]) -> str:
    """The page. ``query`` says which hosts of many are shown."""
    facts = portrait.facts
    converged = f"{facts.number('good')} of {count(len(facts.parts), 'host')} converged"
    return layout.page(
        f"{facts.name}: {converged}",
        breadcrumb("All documents", DOCUMENTS),
        h(
            "div",
            h("h1", facts.name),
            h("p", share(facts.number("good"), len(facts.parts), "host"), class_="words"),
            class_="headline",
        ),
        notices(seen),
        (h("p", problem, class_="notice warn") for problem in facts.problems),
        _facts(portrait),
        rollout_section(facts.rollout) if facts.rollout else None,
        _hosts(portrait, asked_page(query)),
        _others(portrait.view["notAssigned"]),
        now=seen.now,
        here=DOCUMENTS,
    )


def _facts(portrait: DocumentPortrait) -> Element:
    facts, view = portrait.facts, portrait.view
    items: list[tuple[str, Child]] = [
        ("For", facts.targets),
        ("Version", h("code", short_digest(view["version"]), title=view["version"])),
        ("From", f"{view['source']}, revision {view['revision']}" if "revision" in view else view["source"]),
        ("By", view["actor"]["id"]),
        ("Changed", at(datetime.fromisoformat(view["changedAt"]).timestamp()) if "changedAt" in view else "-"),
        ("Files", ", ".join(item["name"] for item in view["artifacts"]) or "none"),
    ]
    return h("section", h("h2", "Document", id="what"), facts_list(items), aria_labelledby="what")


def rollout_section(found: RolloutFacts) -> Element:
    """Where its rollout is."""
    items: list[tuple[str, Child]] = [
        ("State", word(found.state)),
        ("Strategy", found.strategy),
        ("Have it", share(found.good, found.hosts, "host")),
        ("At work", str(found.going)),
        ("Failed", str(found.failed)),
        ("Queued", str(found.queued)),
    ]
    return h(
        "section",
        h("h2", "Rollout", id="rollout"),
        h("p", found.reason, class_="notice warn said") if found.reason else None,
        facts_list(items),
        aria_labelledby="rollout",
    )


def _hosts(portrait: DocumentPortrait, page: int) -> Element:
    facts = portrait.facts
    leaf = Leaf(page, PAGE, len(facts.parts))
    shown = facts.parts[leaf.first : leaf.first + leaf.shown]
    content: Child = h("p", "No host has it.", class_="quiet")
    if shown:
        content = table("Hosts, worst first", TITLES, map(_row, shown), class_="list parts")
    return h(
        "div",
        h("h2", count(len(facts.parts), "host") if facts.parts else "Hosts", id="hosts"),
        content,
        leaf.links(lambda number: address_of(document_address(facts.name), {"page": number})),
        class_="block",
    )


def _row(item: PartFacts) -> Element:
    cells: tuple[Child, ...] = (
        agent_link(item.target),
        word(STANDINGS[item.standing]),
        condition(item),
        release(item),
        generation(item),
        h("span", item.why, class_="said"),
    )
    return row(TITLES, cells, id=f"host-{item.target}")


def _others(found: list[Mapping[str, Any]]) -> Iterator[Element]:
    """Those that it names or that fit, and that do not have it."""
    if not found:
        return
    by_reason: dict[str, list[str]] = {}
    for item in found:
        by_reason.setdefault(item["reason"], []).append(item["target"])
    lines = (
        h("li", h("strong", f"{count(len(names), 'host')}, {reason}: "), listed(names, most=MOST_NAMES))
        for reason, names in by_reason.items()
    )
    yield h(
        "section", h("h2", "Not on these", id="others"), h("ul", lines, class_="notes"), aria_labelledby="others"
    )
