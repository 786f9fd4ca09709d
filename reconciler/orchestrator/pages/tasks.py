"""The tasks: what agents were asked for, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.orchestrator.pages.facts import FleetFacts
from reconciler.orchestrator.pages.parts import TASKS, notices, tasks_table
from reconciler.orchestrator.store.tasks import Kept
from reconciler.protocol.states import RANKS
from reconciler.web.choosing import (
    address_of,
    asked_number,
    asked_text,
    asked_word,
    choice,
    form,
    search,
    tallies,
    tally,
)
from reconciler.web.html import h
from reconciler.web.layout import Layout

PAGE: Final = 100
STATES: Final = tuple(RANKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """``before``: the number of the task that the page before has ended with; 0 for the newest."""

    agent: str = ""
    document: str = ""
    state: str = ""
    before: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> TaskFilter:
        """What an address asks for."""
        return cls(
            agent=asked_text(query, "agent"),
            document=asked_text(query, "document"),
            state=asked_word(query, "state", STATES),
            before=asked_number(query, "before"),
        )

    @property
    def asked(self) -> dict[str, Any]:
        """What the store is asked for: one more than a page, to know whether there is another."""
        return {
            "target": self.agent,
            "document": self.document,
            "state": self.state,
            "before": self.before or None,
            "limit": PAGE + 1,
        }

    @property
    def filters(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.agent or self.document or self.state)

    def address(self, **changes: str | int) -> str:
        """The address of the table with this filter, or with another one."""
        now = {"agent": self.agent, "document": self.document, "state": self.state}
        return address_of(TASKS, {**now, **changes})


def tasks_page(
    layout: Layout, counts: Mapping[str, int], found: Sequence[Kept], seen: FleetFacts, chosen: TaskFilter
) -> str:
    """The page. ``counts``: of each state."""
    shown = found[:PAGE]
    older = chosen.address(before=shown[-1].number) if len(found) > PAGE else ""
    running = counts.get("running", 0)
    known = ((state, counts[state]) for state in STATES if counts.get(state))
    links = (
        tally(
            state, number, chosen.address(state="" if state == chosen.state else state), now=state == chosen.state
        )
        for state, number in known
    )
    return layout.page(
        f"Tasks: {running} running" if running else "Tasks",
        h("h1", "Tasks"),
        notices(seen),
        h("div", tallies("By state", links), class_="tallies"),
        form(
            search("Agent", "agent", chosen.agent),
            search("Document", "document", chosen.document),
            choice("state", "State", STATES, chosen.state),
            path=TASKS,
            filters=chosen.filters,
        ),
        tasks_table(shown, seen.now) if shown else h("p", _nothing(chosen), class_="found"),
        h("nav", h("a", "Older tasks", href=older, rel="next"), aria_label="Pages", class_="pages")
        if older
        else None,
        now=seen.now,
        here=TASKS,
    )


def _nothing(chosen: TaskFilter) -> str:
    if chosen.before:
        return "There are no older ones"
    return "None is like that" if chosen.filters else "No agent was asked for anything in the last 30 days"
