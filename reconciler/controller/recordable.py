"""Recordable: whether what would be done could be written down; asked before anything on the host is changed.

Two questions, the cheap one first: whether the state directory's file system says that it is full or read-only,
and whether the history takes a write. Decides when each is asked; how is the affair of who is asked.

Invariant: while nothing is to be done and nothing is wrong, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reconciler.errors import StateError


class Writable(Protocol):
    """What is asked of the history."""

    @property
    def unwritable(self) -> StateError | None:
        """Why its last write failed; None when it went well."""

    def check_writable(self) -> None:
        """Write something. Raises StateError."""


def room_enough() -> None:
    """Nothing is known of the file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordable:
    """``check_room`` raises StateError where the file system says that nothing can be written."""

    history: Writable
    check_room: Callable[[], None] = room_enough

    def before_acting(self) -> None:
        """Raises StateError where what is to be done could not be recorded."""
        self.check_room()
        self.history.check_writable()

    def trouble(self) -> StateError | None:
        """The same as an answer, for who only looks: it writes to a history alone that refused its last write."""
        try:
            self.check_room()
            if self.history.unwritable is not None:
                self.history.check_writable()
        except StateError as error:
            return error
        return None
