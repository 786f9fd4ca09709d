"""Standing: from what the store keeps to what the pages show, worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from reconciler.core.rollout import Standing
from reconciler.core.selector_text import words_of
from reconciler.orchestrator.document_views import Scene, document_view, rollout_view
from reconciler.orchestrator.pages.condition import CONDITIONS, condition_of, spoken
from reconciler.orchestrator.pages.facts import (
    AgentFacts,
    DocumentFacts,
    DocumentPortrait,
    PartFacts,
    Report,
    RolloutFacts,
)
from reconciler.orchestrator.rollouts import Scenery, standing_of
from reconciler.orchestrator.store.agents import Agent
from reconciler.orchestrator.store.assignments import Held
from reconciler.orchestrator.wishes import Wish
from reconciler.protocol.presence import presence

_GONE: Final = CONDITIONS.index("Held")
"""Beside which conditions it stands that nothing was heard of an agent for long."""

_STANDINGS: Final[tuple[Standing, ...]] = ("failed", "held", "going", "good")
_STATES: Final = ("paused", "returning", "going", "returned", "done")
REVOKED: Final = "revoked"


def reports_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Report, ...]:
    """Worst first."""
    found = (_report(item) for item in documents)
    return tuple(sorted(found, key=lambda item: (CONDITIONS.index(item.condition), item.document)))


def _report(told: Mapping[str, Any]) -> Report:
    return Report(
        document=told["id"],
        condition=condition_of(told),
        phase=spoken(told.get("phase")),
        health=spoken(told.get("health")),
        sync=spoken(told.get("sync")),
        release=told.get("release") or "",
        generation=told.get("generation"),
        version=told.get("version") or "",
        refused=told.get("refused") or "",
        reason=told.get("reason") or "",
    )


def agent_facts(agent: Agent, now: datetime, carrier: str) -> AgentFacts:
    """``carrier``: what its session came over last."""
    here = presence(agent.last_seen, now)
    return AgentFacts(
        name=agent.name,
        presence=REVOKED if agent.revoked_at is not None else here,
        drained=agent.drained,
        carrier=carrier if here == "online" and agent.revoked_at is None else "",
        version=agent.agent_version,
        labels=tuple(sorted(agent.labels.items())),
        reports=reports_of(agent.documents),
        seen=seconds(agent.last_seen),
        certificate_ends=seconds(agent.certificate_ends),
    )


def worst_first(agents: Iterable[AgentFacts]) -> tuple[AgentFacts, ...]:
    """By the worst of presence and documents; the revoked last; equals by name."""
    return tuple(sorted(agents, key=lambda item: (_badness(item), item.name)))


def _badness(agent: AgentFacts) -> float:
    if agent.presence == REVOKED:
        return len(CONDITIONS) + 1
    there = {"stale": _GONE - 0.5, "offline": _GONE - 0.4, "degraded": CONDITIONS.index("OutOfSync") + 0.5}
    found = CONDITIONS.index(agent.worst.condition) if agent.worst else len(CONDITIONS)
    return min(found, there.get(agent.presence, len(CONDITIONS)))


def part_facts(held: Held, told: Mapping[str, Any] | None) -> PartFacts:
    """A document that is assigned to a host; ``told``: what its agent says of it."""
    report = _report(told) if told is not None else None
    there = report is not None and (report.version == held.version or bool(report.refused))
    return PartFacts(
        document=held.id,
        target=held.target_id,
        standing=standing_of(held.version, told or {}),
        condition=report.condition if report and there else "",
        generation=held.generation,
        report=report,
        why=(report.why if there else report.refused) if report else "",
    )


def parts_of_agent(agent: Agent, assigned: Iterable[Held]) -> tuple[PartFacts, ...]:
    """What it is to have, and what it has beside that."""
    told = {item["id"]: item for item in agent.documents}
    mine = {item.id: part_facts(item, told.get(item.id)) for item in assigned}
    others = (
        PartFacts(
            document=item.document,
            target=agent.name,
            standing="good",
            condition=item.condition,
            generation=None,
            report=item,
            why="; ".join(filter(None, ("of its host's own", item.why))),
        )
        for item in reports_of(item for item in agent.documents if item["id"] not in mine)
    )
    return parts_worst_first([*mine.values(), *others])


def parts_worst_first(parts: Iterable[PartFacts]) -> tuple[PartFacts, ...]:
    """By how they stand; equals by names."""
    known = {condition: place for place, condition in enumerate(CONDITIONS)}
    return tuple(
        sorted(
            parts,
            key=lambda item: (
                _STANDINGS.index(item.standing),
                known.get(item.condition, len(known)),
                item.document,
                item.target,
            ),
        )
    )


def documents_of(scene: Scene) -> tuple[DocumentFacts, ...]:
    """All there are; those first that fail somewhere, then those that are not everywhere yet."""
    told = {(agent.name, item["id"]): item for agent in scene.fleet.agents.values() for item in agent.documents}
    parts: dict[str, list[PartFacts]] = {}
    for place, held in scene.fleet.assigned.items():
        parts.setdefault(held.id, []).append(part_facts(held, told.get(place)))
    wishes: dict[str, list[Wish]] = {}
    for wish in scene.wishes.wishes:
        wishes.setdefault(wish.name, []).append(wish)
    found = (_document(scene, name, wishes.get(name, []), parts.get(name, [])) for name in scene.names)
    return tuple(sorted(found, key=_trouble))


def _document(scene: Scene, name: str, wishes: list[Wish], parts: list[PartFacts]) -> DocumentFacts:
    one = wishes[0] if len(wishes) == 1 else None
    return DocumentFacts(
        name=name,
        source="" if not wishes else "API" if wishes[0].put else "folder",
        targets=words_of(one.targets) if one else f"{len(wishes)} documents" if wishes else "nobody any more",
        parts=parts_worst_first(parts),
        rollout=rollout_facts(scene.fleet, one) if one and one.pace else None,
        problems=tuple(str(item) for item in scene.wishes.problems if item.document == name),
    )


def _trouble(item: DocumentFacts) -> tuple[bool, bool, bool, bool, str]:
    halted = item.rollout is not None and item.rollout.state == "paused"
    failed, going = bool(item.number("failed")), item.number("good") < len(item.parts)
    return not halted, not item.problems, not failed, not going, item.name


def portrait_of(scene: Scene, name: str) -> DocumentPortrait | None:
    """None where there is no such document."""
    if name not in scene.names:
        return None
    wishes, held = scene.about(name)
    agents = scene.fleet.agents
    parts = [part_facts(item, _told(agents.get(item.target_id), name)) for item in held]
    return DocumentPortrait(facts=_document(scene, name, list(wishes), parts), view=document_view(scene, name))


def _told(agent: Agent | None, name: str) -> Mapping[str, Any] | None:
    return next((item for item in agent.documents if item["id"] == name), None) if agent else None


def rollout_facts(fleet: Scenery, wish: Wish) -> RolloutFacts:
    """Where the rollout of a document is."""
    found = rollout_view(fleet, wish)
    counts = {key: found[key] for key in ("hosts", "good", "going", "failed", "queued")}
    return RolloutFacts(
        document=wish.name,
        state=found["state"],
        strategy=found["strategy"],
        reason=found.get("reason", ""),
        **counts,
    )


def rollouts_of(scene: Scene) -> tuple[RolloutFacts, ...]:
    """Those first that wait for somebody."""
    found = (rollout_facts(scene.fleet, wish) for wish in scene.wishes.wishes if wish.pace is not None)
    return tuple(sorted(found, key=lambda item: (_STATES.index(item.state), item.document)))


def seconds(at: datetime | None) -> float:
    """Since the epoch; 0.0 for a time that is not known."""
    return at.timestamp() if at else 0.0
