"""Rotation: how an authority gets a new root without anybody being locked out. Pure.

Three steps, forward only, with a time between them in which every certificate is renewed once:

    steady ── introduce ──► introduced ── switch ──► overlap ── retire ──► steady
    one root                the new root is trusted    the new root signs     the old root is not
                            by all, the old one signs  by now                 trusted any more

Who renews is given the roots that are trusted. So whoever has a certificate that still counts when the new root
begins to sign has fetched it after the new root was introduced, and knows it; and whoever has one that still
counts when the old root is retired has it from the new one.

Invariant: roots stand in the order in which they came; the one that signs is the first or the last of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from reconciler.errors import InputError

Phase = Literal["steady", "introduced", "overlap"]
Step = Literal["introduce", "switch", "retire"]

_NEXT: dict[Phase, Step] = {"steady": "introduce", "introduced": "switch", "overlap": "retire"}


@dataclass(frozen=True, slots=True)
class Roots:
    """``trusted``: fingerprints, oldest first; ``signing``: that under which is signed; ``since``: the last step.

    Raises ValueError for what cannot come of the steps.
    """

    signing: str
    trusted: tuple[str, ...]
    since: datetime

    def __post_init__(self) -> None:
        if self.signing not in self.trusted or not 1 <= len(set(self.trusted)) == len(self.trusted) <= 2:
            raise ValueError("one or two roots are trusted, and one of them signs")

    @property
    def phase(self) -> Phase:
        """Where the rotation is."""
        if len(self.trusted) == 1:
            return "steady"
        return "introduced" if self.signing == self.trusted[0] else "overlap"

    @property
    def next_step(self) -> Step:
        """What can be done next."""
        return _NEXT[self.phase]

    def earliest(self, life: timedelta) -> datetime:
        """When the next step locks nobody out. ``life``: the longest that certificates live."""
        return self.since if self.phase == "steady" else self.since + life


def introduced(roots: Roots, new: str, *, now: datetime) -> Roots:
    """With a new root that is trusted and does not sign yet. Raises InputError out of turn."""
    _in_turn(roots, "introduce")
    return replace(roots, trusted=(*roots.trusted, new), since=now)


def switched(roots: Roots, *, now: datetime, life: timedelta) -> Roots:
    """The new root signs. Raises InputError out of turn, or too early."""
    _in_turn(roots, "switch")
    _in_time(roots, now, life)
    return replace(roots, signing=roots.trusted[-1], since=now)


def retired(roots: Roots, *, now: datetime, life: timedelta) -> Roots:
    """The old root is not trusted any more. Raises InputError out of turn, or too early."""
    _in_turn(roots, "retire")
    _in_time(roots, now, life)
    return replace(roots, trusted=(roots.signing,), since=now)


def _in_turn(roots: Roots, step: Step) -> None:
    if roots.next_step != step:
        raise InputError(
            f"the roots cannot be changed by '{step}' now: they are {roots.phase}",
            hint=f"the next step is '{roots.next_step}'",
        )


def _in_time(roots: Roots, now: datetime, life: timedelta) -> None:
    """A life of nothing is for emergencies: who was not renewed since then has to enroll again."""
    if now < roots.earliest(life):
        raise InputError(
            f"it is too early to {roots.next_step}: members that were not renewed yet would be locked out",
            hint=f"wait until {roots.earliest(life):%Y-%m-%dT%H:%M:%SZ}, when all have been",
        )
