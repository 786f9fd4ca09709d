"""Which documents each agent is to have, and what changes by that. Pure.

Invariant: nothing is taken from an agent because something could not be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.selector import TargetFacts
from reconciler.orchestrator.wishes import Wish, Wishes

Place = tuple[str, str]
"""A target and a document's name."""


@dataclass(frozen=True, slots=True)
class Changes:
    """``assign``: new or other ones. ``withdraw``: those that nobody wishes for any more."""

    assign: tuple[tuple[str, Wish], ...]
    withdraw: tuple[Place, ...]

    @property
    def targets(self) -> frozenset[str]:
        """Whose documents change."""
        return frozenset({target for target, _ in (*self.assign, *self.withdraw)})


@dataclass(frozen=True, slots=True)
class Holding:
    """What is assigned to a place now. ``put``: it came over the API."""

    version: str
    put: bool = False


def changes(wishes: Wishes, agents: Collection[TargetFacts], assigned: Mapping[Place, Holding]) -> Changes:
    """``assigned``: what each place has now."""
    wanted = {(target, wish.name): wish for target, wish in _places(wishes.wishes, agents)}
    assign = tuple(
        (target, wish)
        for (target, name), wish in sorted(wanted.items(), key=lambda item: item[0])
        if (target, name) not in assigned or assigned[target, name].version != wish.version
    )
    known = {wish.name for wish in wishes.wishes if wish.put}
    gone = [
        (target, name)
        for (target, name), holding in assigned.items()
        if (target, name) not in wanted and _gone(name, holding, wishes, known=known)
    ]
    return Changes(assign, tuple(sorted(gone)))


def _gone(name: str, holding: Holding, wishes: Wishes, *, known: Collection[str]) -> bool:
    """Whether a place is not to have what it has any more: over the API that was said, in the folder it is so when
    all of it can be read. ``known``: documents of the API that can be used now.
    """
    if name in wishes.put:
        return name in known
    return holding.put or wishes.whole


def _places(wishes: Iterable[Wish], agents: Collection[TargetFacts]) -> Iterable[tuple[str, Wish]]:
    """A document for some targets goes before one for all that has the same name."""
    for wish in sorted(wishes, key=lambda item: item.selector is not None):
        yield from ((item.name, wish) for item in agents if fits(wish, item))


def fits(wish: Wish, agent: TargetFacts) -> bool:
    """Whether the document is for this agent."""
    return wish.selector is None or wish.selector.fits(agent.name, agent.labels)
