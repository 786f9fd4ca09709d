"""The first page: what is wrong in the fleet, and all agents, worst first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.words import count, listed
from reconciler.orchestrator.pages.condition import CONDITIONS, LOUD
from reconciler.orchestrator.pages.facts import PRESENCES, AgentFacts, FleetFacts
from reconciler.orchestrator.pages.filter import DRAINED, HERE, AgentFilter
from reconciler.orchestrator.pages.parts import (
    AGENTS,
    ROLLOUTS,
    TASKS,
    agent_link,
    labels,
    notices,
)
from reconciler.web.choosing import Leaf, address_of, choice, form, search, tallies, tally
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import ago, nil, row, table, word

TITLES: Final = ("Agent", "Presence", "Worst", "Documents drifted", "Heard of", "Over", "Version", "Labels")
UNDER_WAY: Final = ("queued", "assigned", "accepted", "running")
ROLLING: Final = ("paused", "returning", "going", "returned")
"""States of rollouts that are told of, those first that wait for somebody."""

MOST_LABELS: Final = 20
HERE_NOW: Final = frozenset({"online", "degraded"})
_QUIET: Final = frozenset({"online", "revoked"})


def fleet_page(layout: Layout, seen: FleetFacts, chosen: AgentFilter) -> str:
    """The page."""
    passing = chosen.chosen(seen.agents)
    leaf = chosen.leaf(len(passing))
    shown = passing[leaf.first : leaf.first + leaf.shown]
    return layout.page(
        title_of(seen),
        h("h1", "Agents"),
        notices(seen),
        h("div", _groups(seen, chosen), class_="groups"),
        _form(chosen),
        _found(seen, chosen, leaf),
        table("Agents, worst first", TITLES, (_row(item, seen.now) for item in shown), class_="list agents")
        if shown
        else None,
        leaf.links(lambda page: chosen.address(page=page)),
        now=seen.now,
        here=AGENTS,
    )


def title_of(seen: FleetFacts) -> str:
    """What asks for a look, as short as a title."""
    if not seen.agents:
        return "no agents"
    there = Counter(item.presence for item in seen.agents)
    words = [f"{there[item]} {item}" for item in PRESENCES if there[item] and item not in _QUIET]
    stands = _conditions(seen.agents)
    words += [f"{number} {item}" for item, number in stands.items() if item in LOUD]
    halted = sum(state == "paused" for state in seen.rollouts.values())
    words += [f"{count(halted, 'rollout')} paused"] if halted else []
    words += [count(len(seen.problems), "problem")] if seen.problems else []
    return ", ".join(words) or "all well"


def _conditions(agents: Sequence[AgentFacts]) -> dict[str, int]:
    """How many documents stand how, on all hosts that are not revoked; worst first."""
    found = Counter(item.condition for agent in agents if agent.presence != "revoked" for item in agent.reports)
    return {item: found[item] for item in CONDITIONS if found[item]}


def _groups(seen: FleetFacts, chosen: AgentFilter) -> Iterator[Element]:
    here = Counter(item.presence for item in seen.agents)
    here[DRAINED] = sum(item.drained for item in seen.agents)
    stands = _conditions(seen.agents)
    rolling = Counter(seen.rollouts.values())
    open_tasks = {state: seen.tasks.get(state, 0) for state in UNDER_WAY}
    yield from _group("Agents", (_by_presence(item, here[item], chosen) for item in HERE if here[item]))
    yield from _group("Documents", (_by_condition(item, stands[item], chosen) for item in stands))
    yield from _group("Rollouts", _elsewhere(ROLLOUTS, {item: rolling[item] for item in ROLLING}))
    yield from _group("Tasks", _elsewhere(TASKS, open_tasks))


def _group(title: str, items: Iterator[Element]) -> Iterator[Element]:
    found = tallies(title, items)
    if found is not None:
        yield h("div", h("span", title, class_="key"), found, class_="tallies")


def _by_presence(text: str, number: int, chosen: AgentFilter) -> Element:
    now = chosen.presence == text
    return tally(presence_word(text), number, chosen.address(presence="" if now else text, page=1), now=now)


def _by_condition(text: str, number: int, chosen: AgentFilter) -> Element:
    now = chosen.condition == text
    return tally(text, number, chosen.address(condition="" if now else text, page=1), now=now)


def _elsewhere(path: str, counts: Mapping[str, int]) -> Iterator[Element]:
    return (tally(state, number, address_of(path, {"state": state})) for state, number in counts.items() if number)


def _form(chosen: AgentFilter) -> Element:
    return form(
        search("Filter", "q", chosen.text),
        search("Label", "label", chosen.label),
        choice("presence", "Presence", HERE, chosen.presence),
        choice("condition", "Condition", CONDITIONS, chosen.condition),
        path=AGENTS,
        filters=chosen.filters,
    )


def _found(seen: FleetFacts, chosen: AgentFilter, leaf: Leaf) -> Element:
    everything = len(seen.agents)
    text = "No agent has joined; invite one with: reconciler orchestrator token --target HOST"
    if everything:
        text = leaf.words("agent", everything, filtered=chosen.filters)
    return h("p", text, class_="found")


def _row(item: AgentFacts, now: float) -> Element:
    cells: tuple[Child, ...] = (
        agent_link(item.name),
        presence_words(item),
        _worst(item),
        drift_words(item),
        heard(item.seen, now),
        nil(item.carrier or "-"),
        nil(item.version or "-"),
        labels(item.labels, MOST_LABELS),
    )
    return row(TITLES, cells, id=f"agent-{item.name}")


def _worst(item: AgentFacts) -> Child:
    """How its worst document stands, and which of them ask for a look."""
    if item.worst is None:
        return nil("-")
    loud = [report.document for report in item.reports if report.condition in LOUD]
    which = h("span", listed(loud, most=1), class_="which") if loud else None
    old = not loud and item.presence not in HERE_NOW  # as of when it was last heard of: nothing to be glad of
    return h("span", word(item.worst.condition, "plain" if old else ""), " ", which)


def presence_words(item: AgentFacts) -> Child:
    """Whether it is there, and whether it is given tasks."""
    return h("span", presence_word(item.presence), " ", word(DRAINED) if item.drained else None)


def presence_word(text: str) -> Element:
    """Here it is bad to be stale; of a sticker it is only a warning."""
    return word(text, "bad" if text == "stale" else "")


def drift_words(item: AgentFacts) -> Child:
    """How many of its documents differ from what is wished for."""
    if not item.reports:
        return nil("-")
    text = f"{item.drifted} of {len(item.reports)}"
    return text if item.drifted else h("span", text, class_="quiet")


def heard(seen: float, now: float) -> Child:
    """When it was last heard of."""
    return h("span", ago(seen, now), " ago") if seen else nil("never")
