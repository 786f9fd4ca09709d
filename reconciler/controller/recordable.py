"""Recordable: whether what would be done could be written down; asked before anything on the host is changed.

The cheap question first: whether the state directory's file system says that it is full or read-only; then whether
the history takes a write, and the audit log a line. Decides when each is asked; how is the affair of who is asked.

Invariant: while nothing is to be done and nothing is wrong, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reconciler.errors import StateError


class Writable(Protocol):
    """What is asked of the history, and of the audit log."""

    @property
    def unwritable(self) -> StateError | None:
        """Why its last write failed; None when it went well."""

    def check_writable(self) -> None:
        """See whether something can be written. Raises StateError."""


def room_enough() -> None:
    """Nothing is known of the file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordable:
    """``check_room`` raises StateError where the file system says that nothing can be written."""

    history: Writable
    audit: Writable
    check_room: Callable[[], None] = room_enough

    def before_acting(self) -> None:
        """Raises StateError where what is to be done could not be recorded."""
        self.check_room()
        for store in (self.history, self.audit):
            store.check_writable()

    def trouble(self) -> StateError | None:
        """The same as an answer, for who only looks: it writes only to what refused its last write."""
        try:
            self.check_room()
            for store in (self.history, self.audit):
                if store.unwritable is not None:
                    store.check_writable()
        except StateError as error:
            return error
        return None
