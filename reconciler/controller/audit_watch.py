"""AuditWatch: whether the audit log is still as it was written, looked at when the controller starts and each day.

Decides that a broken chain stops nothing: containers are healed on, a person has to look. What is found is told as
a metric, in the log and by ``doctor``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reconciler.audit.verify import Verified
from reconciler.errors import StateDamaged, StateError

EVERY_S = 86400.0
HINT = "see `reconciler audit verify`; keep a copy of the log before anything else"


class Writing(Protocol):
    """What is asked of the log that is written."""

    @property
    def broken(self) -> str:
        """What was found wrong with the chain while writing; "" for nothing."""


@dataclass(slots=True, kw_only=True)
class AuditWatch:
    """``verify`` looks at all of it. Raises StateError where it cannot."""

    audit: Writing
    verify: Callable[[], Verified]
    _found: str = ""

    def look(self) -> None:
        """Look at the whole log, in its own time."""
        try:
            self._found = fault_of(self.verify())
        except StateError as error:
            self._found = str(error)
        except Exception as error:  # noqa: BLE001  (a bug in looking must not end what looks after containers)
            self._found = f"it could not be verified: {type(error).__name__}: {error}; please report it"

    def trouble(self) -> StateError | None:
        """What is wrong with the log, as far as it is known; None for nothing."""
        found = self._found or self.audit.broken
        return StateDamaged(f"the audit log is broken: {found}", hint=HINT) if found else None


def fault_of(found: Verified) -> str:
    """What is wrong with a log, in a line; "" for nothing."""
    first = next((str(fault) for fault in found.faults), "")
    told = next((f"broken before {place}" for place in found.told), "")
    return first or told
