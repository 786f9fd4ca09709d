"""Exit statuses: the part of the command line that scripts rely on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """``USAGE`` and ``BUG`` are ``EX_USAGE`` and ``EX_SOFTWARE`` of sysexits(3); the last two follow shells'
    128 plus signal number (SIGINT, SIGPIPE).
    """

    DONE = 0
    ERROR = 1
    DIFFERS = 2
    ROLLED_BACK = 3
    FAILED = 4
    HELD = 5
    USAGE = 64
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


_OF_OUTCOME = {
    "failed": Exit.FAILED,
    "rolled-back": Exit.ROLLED_BACK,
    "held": Exit.HELD,
    "blocked": Exit.HELD,
    "converged": Exit.DONE,
}


def of_outcomes(outcomes: Iterable[str]) -> Exit:
    """The worst of several documents' outcomes: failed, then rolled back, then held or blocked."""
    found = set(outcomes)
    return next((status for outcome, status in _OF_OUTCOME.items() if outcome in found), Exit.DONE)
