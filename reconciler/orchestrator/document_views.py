"""What the API tells of documents: what is wished for, where it goes, and why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.orchestrator.store.agents import Agent
from reconciler.orchestrator.views import present
from reconciler.orchestrator.wishes import Wish, Wishes
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.wire.codec import to_json

LONGEST: Final = 1024
MOST: Final = 1_000
_TOLD: Final = ("phase", "sync", "health", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that is known: what is wished for now, what is assigned, and to whom."""

    wishes: Wishes
    assigned: Sequence[AssignedDocument]
    agents: Mapping[str, Agent]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all documents, in order: also of one that is broken now, and still assigned."""
        return tuple(sorted({item.name for item in self.wishes.wishes} | {item.id for item in self.assigned}))

    def about(self, name: str) -> tuple[tuple[Wish, ...], tuple[AssignedDocument, ...]]:
        """What is wished for under a name, and what is assigned."""
        wishes = tuple(item for item in self.wishes.wishes if item.name == name)
        return wishes, tuple(item for item in self.assigned if item.id == name)


def document_view(scene: Scene, name: str, *, text: bool) -> dict[str, Any]:
    """A document with where it stands; there is a wish for it, or an assignment."""
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
        text=(put.text if put else shown.text) if text else None,
        artifacts=to_json(shown.artifacts),
        actor=to_json(shown.actor),
        changedAt=put.changed_at if put else newest.issued_at if newest else None,
        assigned=[_assigned(item, scene.agents.get(item.target_id)) for item in _by_target(parts)],
        notAssigned=list(_not_assigned(wishes, parts, scene.agents))[:MOST],
        problems=problems_of(scene.wishes, name),
    )


def problems_of(wishes: Wishes, name: str = "") -> list[str]:
    """What is wrong in the folder; with a name, what of it concerns that document."""
    return [str(item)[:LONGEST] for item in wishes.problems if not name or item.document == name][:MOST]


def _by_target(parts: Iterable[AssignedDocument]) -> list[AssignedDocument]:
    return sorted(parts, key=lambda item: item.target_id)


def _assigned(document: AssignedDocument, agent: Agent | None) -> dict[str, Any]:
    reports = agent.documents if agent else ()
    told = next((item for item in reports if item["id"] == document.id), {})
    return present(
        target=document.target_id,
        generation=document.generation,
        version=document.version,
        heldVersion=told.get("version"),
        **{key: told.get(key) for key in _TOLD},
    )


def _not_assigned(
    wishes: Iterable[Wish], parts: Iterable[AssignedDocument], agents: Mapping[str, Agent]
) -> Iterator[dict[str, str]]:
    """Hosts that a document names, or that fit, and that do not have it."""
    assigned = {item.target_id for item in parts}
    for wish in wishes:
        named = wish.selector.names if wish.selector else frozenset()
        for name in sorted(({*agents} | named) - assigned):
            if reason := _why_not(wish, name, agents.get(name)):
                yield {"target": name, "reason": reason}


def _why_not(wish: Wish, name: str, agent: Agent | None) -> str:
    """Nothing where the document is not meant for it."""
    selector = wish.selector
    named = selector is not None and name in selector.names
    if agent is None:
        return "no host has joined under this name"
    fits = selector is None or selector.fits(name, agent.facts.labels)
    if agent.revoked_at is not None:
        return "it is revoked" if named or fits else ""
    if fits:
        return "it will be handed out in a moment"
    if not named:
        return ""
    return "its labels do not fit" if agent.facts.labels is not None else "it has not told its labels yet"
