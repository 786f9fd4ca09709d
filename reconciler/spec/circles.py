"""Who waits for itself, and on which way round. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def circles(waits: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """For each name that waits for itself, a shortest way round. ``waits``: for whom each name waits."""
    found = {name: _way_back(name, waits) for name in _waiting(waits)}
    return {name: circle for name, circle in found.items() if circle}


def _waiting(waits: Mapping[str, Sequence[str]]) -> list[str]:
    """Names that are on a circle or lead to one: what is left when all that wait for nobody are taken away."""
    left = {name: {other for other in others if other in waits} for name, others in waits.items()}
    while free := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in free}
    return [name for name in waits if name in left]


def _way_back(start: str, waits: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    seen, edge = {start}, list[tuple[str, ...]]([(start,)])
    while edge:
        further: list[tuple[str, ...]] = []
        for way in edge:
            for name in waits.get(way[-1], ()):
                if name == start:
                    return (*way, start)
                if name not in seen:
                    seen.add(name)
                    further.append((*way, name))
        edge = further
    return ()
