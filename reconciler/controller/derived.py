"""Derived: values that follow from others, worked out anew only when one of those has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

V = TypeVar("V")


class Derived(Generic[V]):
    """One value a document. Used by several threads: each entry is read and written at once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[object, ...], V]] = {}

    def of(self, document: str, sources: tuple[object, ...], make: Callable[[], V]) -> V:
        """The value for these ``sources``; ``make`` is a pure function of them. Sources that are the very same
        objects as before cost a look at each.
        """
        known = self._known.get(document)
        if known is not None and known[0] == sources:
            return known[1]
        value = make()
        self._known[document] = (sources, value)
        return value

    def keep(self, documents: Collection[str]) -> None:
        """Forget all others."""
        self._known = {name: entry for name, entry in self._known.items() if name in documents}
