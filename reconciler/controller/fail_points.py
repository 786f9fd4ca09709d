"""Fail points: where a test lets the controller die.

For the test harness only, and off unless the environment names a point. The promise "killed anywhere, the next
pass ends well" is proved by killing the real process, with SIGKILL, at every boundary between two Actions:

    RECONCILER_FAIL_AT=before:3                 before the third Action that this process carries out
    RECONCILER_FAIL_AT=after:start-container    after the first Action of this kind was carried out, before
                                                anything of it is told to anyone

Invariants: nothing happens without the variable; a value that cannot be read is an error at start, because a
test that silently kills nothing proves nothing.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from reconciler.core import action as actions
from reconciler.core.action import Action
from reconciler.errors import InvalidSettings

VARIABLE = "RECONCILER_FAIL_AT"
Edge = Literal["before", "after"]


def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class FailPoint:
    """``number`` counts Actions from 1; 0 means the first Action of ``kind``."""

    edge: Edge
    number: int = 0
    kind: str = ""


@dataclass(slots=True)
class FailPoints:
    """Asked at both edges of every Action. Safe for use from many threads."""

    point: FailPoint | None = None
    kill: Callable[[], None] = _kill_self
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_number(self) -> int:
        """The number of the Action that is about to be carried out."""
        return next(self._numbers)

    def reach(self, edge: Edge, action: Action, number: int) -> None:
        """Does not return where the point lies."""
        point = self.point
        if point is not None and point.edge == edge and (point.number == number or point.kind == action.kind):
            self.kill()


def fail_points(environment: Mapping[str, str]) -> FailPoints:
    """What the environment asks for; usually nothing. Raises InvalidSettings."""
    text = environment.get(VARIABLE, "")
    return FailPoints(_parse(text) if text else None)


def _parse(text: str) -> FailPoint:
    edge, _, where = text.partition(":")
    numbered = where.isascii() and where.isdigit() and int(where) > 0
    if edge not in {"before", "after"} or not (numbered or where in _kinds()):
        raise InvalidSettings(
            f"{VARIABLE}={text!r} is not a fail point",
            hint=f"before:N or after:N from 1, or an action instead of N: {', '.join(sorted(_kinds()))}",
        )
    number, kind = (int(where), "") if numbered else (0, where)
    return FailPoint(cast("Edge", edge), number, kind)


def _kinds() -> frozenset[str]:
    known = (item for item in vars(actions).values() if isinstance(item, type) and issubclass(item, Action))
    return frozenset(item.kind for item in known if item.kind)
