"""Filter: which agents the table shows, as its address says it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.orchestrator.pages.condition import CONDITIONS
from reconciler.orchestrator.pages.facts import PRESENCES, AgentFacts
from reconciler.web.choosing import Leaf, address_of, all_in, asked_page, asked_text, asked_word

PAGE: Final = 200
"""Agents on one page."""

DRAINED: Final = "drained"
HERE: Final = (*PRESENCES, DRAINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFilter:
    """An empty word lets everything pass. ``label``: ``key=value`` or ``key``, several with spaces or commas
    between them; all must fit. ``page`` counts from 1.
    """

    text: str = ""
    label: str = ""
    presence: str = ""
    condition: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> AgentFilter:
        """What an address asks for."""
        return cls(
            text=asked_text(query),
            label=asked_text(query, "label"),
            presence=asked_word(query, "presence", HERE),
            condition=asked_word(query, "condition", CONDITIONS),
            page=asked_page(query),
        )

    @property
    def filters(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.text or self.label or self.presence or self.condition)

    def chosen(self, agents: Iterable[AgentFacts]) -> tuple[AgentFacts, ...]:
        """Those that it lets pass, in their order, on all pages."""
        wanted = [item.partition("=") for item in self.label.replace(",", " ").split()]
        return tuple(item for item in agents if self._passes(item) and _labelled(item, wanted))

    def leaf(self, passing: int) -> Leaf:
        """Of so many."""
        return Leaf(self.page, PAGE, passing)

    def address(self, **changes: str | int) -> str:
        """The address of the table with this filter, or with another one."""
        now: dict[str, str | int] = {
            "q": self.text,
            "label": self.label,
            "presence": self.presence,
            "condition": self.condition,
            "page": self.page,
        }
        return address_of("/", {**now, **changes})

    def _passes(self, agent: AgentFacts) -> bool:
        if self.presence == DRAINED and not agent.drained:
            return False
        if self.presence not in {"", DRAINED, agent.presence}:
            return False
        if self.condition and not any(item.condition == self.condition for item in agent.reports):
            return False
        return not self.text or all_in(self.text, _said_of(agent))


def _labelled(agent: AgentFacts, wanted: Iterable[tuple[str, str, str]]) -> bool:
    labels = dict(agent.labels)
    return all(labels.get(key) == value if sign else key in labels for key, sign, value in wanted)


def _said_of(agent: AgentFacts) -> Iterable[str]:
    """All that is told of an agent, to look for words in."""
    yield from (agent.name, agent.presence, agent.carrier, agent.version)
    yield from (f"{key}={value}" for key, value in agent.labels)
    for item in agent.reports:
        yield f"{item.document} {item.condition} {item.release} {item.why}"
