"""What the API tells of documents: what is wished for, where it goes, and why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.core.rollout import Pace, failed_of
from reconciler.orchestrator.rollouts import THERE, Scenery
from reconciler.orchestrator.store.agents import Agent
from reconciler.orchestrator.store.assignments import Held
from reconciler.orchestrator.views import present
from reconciler.orchestrator.wishes import Wish, Wishes
from reconciler.protocol.presence import presence
from reconciler.protocol.wire.codec import to_json

LONGEST: Final = 1024
MOST: Final = 1_000
_TOLD: Final = ("phase", "sync", "health", "refused", "reason")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is wished for now, and all that is known of the fleet."""

    wishes: Wishes
    fleet: Scenery

    @property
    def names(self) -> tuple[str, ...]:
        """Of all documents, in order: also of one that is broken now, and still assigned."""
        return tuple(
            sorted({item.name for item in self.wishes.wishes} | {name for _, name in self.fleet.assigned})
        )

    def about(self, name: str) -> tuple[tuple[Wish, ...], tuple[Held, ...]]:
        """What is wished for under a name, and what is assigned."""
        wishes = tuple(item for item in self.wishes.wishes if item.name == name)
        return wishes, tuple(item for item in self.fleet.assigned.values() if item.id == name)


def document_view(scene: Scene, name: str) -> dict[str, Any]:
    """A document with where it stands, without its text; there is a wish for it, or an assignment."""
    wishes, parts = scene.about(name)
    newest = max(parts, key=lambda item: item.issued_at, default=None)
    put = wishes[0].put if wishes else None
    shown = wishes[0] if len(wishes) == 1 or newest is None else newest
    return present(
        id=name,
        version=shown.version,
        source="api" if put or (newest is not None and not wishes and newest.actor.type == "user") else "folder",
        revision=put.revision if put else None,
        targets=wishes[0].targets if len(wishes) == 1 else {},
        artifacts=to_json(wishes[0].artifacts if wishes else ()),
        actor=to_json(shown.actor),
        changedAt=put.changed_at if put else newest.issued_at if newest else None,
        assigned=[_assigned(item, scene.fleet.agents.get(item.target_id)) for item in _by_target(parts)],
        notAssigned=list(_not_assigned(wishes, parts, scene.fleet))[:MOST],
        rollout=rollout_view(scene.fleet, wishes[0]) if wishes and wishes[0].pace else None,
        problems=problems_of(scene.wishes, name),
    )


def problems_of(wishes: Wishes, name: str = "") -> list[str]:
    """What is wrong in the folder; with a name, what of it concerns that document."""
    return [str(item)[:LONGEST] for item in wishes.problems if not name or item.document == name][:MOST]


def _by_target(parts: Iterable[Held]) -> list[Held]:
    return sorted(parts, key=lambda item: item.target_id)


def _assigned(document: Held, agent: Agent | None) -> dict[str, Any]:
    reports = agent.documents if agent else ()
    told = next((item for item in reports if item["id"] == document.id), {})
    return present(
        target=document.target_id,
        generation=document.generation,
        version=document.version,
        heldVersion=told.get("version"),
        **{key: told.get(key) for key in _TOLD},
    )


def rollout_view(fleet: Scenery, wish: Wish) -> dict[str, Any]:
    """Where the rollout of a document is that goes out in waves."""
    course, hosts, pace = fleet.course(wish), fleet.hosts(wish), wish.pace or Pace()
    new = [item for item in hosts if item.assigned == course.version]
    queued = [item for item in hosts if item.assigned != course.version]
    soaking = course.soak_since is not None and course.state == "going"
    until = datetime.fromtimestamp((course.soak_since or 0.0) + pace.soak_s, UTC)
    return present(
        state=course.state,
        strategy=pace.strategy,
        version=course.version,
        reason=course.reason or None,
        hosts=len(hosts),
        good=sum(item.standing == "good" for item in new),
        going=sum(item.standing == "going" and item.reachable for item in hosts),
        failed=len(failed_of(course, hosts)),
        queued=len(queued),
        away=sum(not item.reachable for item in queued),
        soakUntil=until.replace(microsecond=0) if soaking and until > fleet.now else None,
    )


def _not_assigned(wishes: Iterable[Wish], parts: Iterable[Held], fleet: Scenery) -> Iterator[dict[str, str]]:
    """Hosts that a document names, or that fit, and that do not have it."""
    assigned = {item.target_id for item in parts}
    for wish in wishes:
        named = wish.selector.names if wish.selector else frozenset()
        for name in sorted(({*fleet.agents} | named) - assigned):
            if reason := _why_not(wish, name, fleet):
                yield {"target": name, "reason": reason}


def _why_not(wish: Wish, name: str, fleet: Scenery) -> str:
    """Nothing where the document is not meant for it."""
    selector, agent = wish.selector, fleet.agents.get(name)
    named = selector is not None and name in selector.names
    if agent is None:
        return "no host has joined under this name"
    fits = selector is None or selector.fits(name, agent.facts.labels)
    if agent.revoked_at is not None:
        return "it is revoked" if named or fits else ""
    if fits:
        return _waits(wish, agent, fleet)
    if not named:
        return ""
    return "its labels do not fit" if agent.facts.labels is not None else "it has not told its labels yet"


def _waits(wish: Wish, agent: Agent, fleet: Scenery) -> str:
    if wish.pace is None:
        return "it will be handed out in a moment"
    if presence(agent.last_seen, fleet.now) not in THERE:
        return "it is queued: it is away"
    state = fleet.course(wish).state
    return "it is queued: its turn comes" if state in {"going", "done"} else f"the rollout is {state}"
