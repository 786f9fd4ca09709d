"""Times and counts as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_DIGEST: Final = re.compile(r"((?:sha256:|/)[0-9a-f]{12})[0-9a-f]{52}\b")
_STEPS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def age(then: float, now: float) -> str:
    """``3m`` for 200 seconds; ``-`` for a time that is not known (0)."""
    if not then:
        return "-"
    seconds = max(0, int(now - then))
    size, unit = next((step for step in _STEPS if seconds >= step[0]), (1, "s"))
    return f"{seconds // size}{unit}"


def spent(milliseconds: int) -> str:
    """How long something took: ``40ms``, ``2.8s``, ``3m20s``."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}m{seconds}s" if minutes else f"{milliseconds // 100 / 10:g}s"


def count(number: int, noun: str) -> str:
    """``1 document``, ``2 documents``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(items: Sequence[str], *, most: int) -> str:
    """``a, b and 3 more``: the first ``most``, and how many there are beside them."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def shortened(text: str) -> str:
    """With digests cut to what tells them apart."""
    return _DIGEST.sub(r"\1…", text)
