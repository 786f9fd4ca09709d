"""Rollouts of documents: what is known of each host for ``core/rollout``, and which waves follow of it. Pure.

How a version stands on a host is taken from what its agent observed of just that version: what it told while the
former one was still in force says nothing of the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from reconciler.core.rollout import Course, HostFacts, Pace, Standing, Wave, decide
from reconciler.orchestrator.assign import Changes, Place, fits
from reconciler.orchestrator.store.agents import Agent
from reconciler.orchestrator.store.assignments import Held
from reconciler.orchestrator.wishes import Wish
from reconciler.protocol.presence import presence

THERE: Final = frozenset({"online", "degraded"})
_FAILED: Final = frozenset({"failed", "rolled-back", "blocked"})
_UNWELL: Final = frozenset({"degraded", "missing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenery:
    """All that is known at one moment."""

    agents: Mapping[str, Agent]
    assigned: Mapping[Place, Held]
    courses: Mapping[str, Course]
    now: datetime

    def hosts(self, wish: Wish) -> tuple[HostFacts, ...]:
        """Those that a document is for."""
        return tuple(
            self._host(agent, wish.name)
            for agent in self.agents.values()
            if agent.revoked_at is None and fits(wish, agent.facts)
        )

    def course(self, wish: Wish) -> Course:
        """That of this version; a new one where another version, or none, went out before."""
        kept = self.courses.get(wish.name)
        return kept if kept is not None and kept.version == wish.version else Course(version=wish.version)

    def wave(self, wish: Wish, pace: Pace) -> Wave:
        """What is due now."""
        return decide(pace, self.course(wish), self.hosts(wish), now=self.now.timestamp())

    def _host(self, agent: Agent, name: str) -> HostFacts:
        assigned = self.assigned.get((agent.name, name))
        return HostFacts(
            name=agent.name,
            reachable=presence(agent.last_seen, self.now) in THERE,
            assigned=assigned.version if assigned else None,
            former=assigned.former if assigned else None,
            standing=standing_of(assigned.version, _told(agent, name)) if assigned else "good",
        )


def _told(agent: Agent, name: str) -> Mapping[str, Any]:
    return next((item for item in agent.documents if item["id"] == name), {})


def standing_of(version: str, told: Mapping[str, Any]) -> Standing:
    """How an assigned version stands on a host, by what its agent told last."""
    observed, phase = told.get("observed"), told.get("phase")
    if "refused" in told and observed in {None, version}:
        return "failed"
    if told.get("version") != version or observed != version:
        return "going"
    if phase in _FAILED:
        return "failed"
    if phase == "held":
        return "held"
    if phase != "converged" or told.get("health") == "progressing":
        return "going"
    return "failed" if told.get("health") in _UNWELL else "good"


def waves_of(wishes: Iterable[Wish], scenery: Scenery) -> dict[str, Wave]:
    """Of all documents that go out in waves, by name."""
    return {wish.name: scenery.wave(wish, wish.pace) for wish in wishes if wish.pace is not None}


def paced(changes: Changes, waves: Mapping[str, Wave]) -> Changes:
    """What of the changes is due in these waves."""
    assign = tuple(
        (target, wish)
        for target, wish in changes.assign
        if wish.name not in waves or target in waves[wish.name].start
    )
    return replace(changes, assign=assign)
