"""Which tests run every time, and which wait for THOROUGH=1.

``thorough`` marks a test that waits. ``every_run(*patterns)`` names those variants of a parametrized test that do
not: each of them shows something of its own, and the others are more of the same.
"""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase

import pytest


def leave_to_thorough_runs(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out of ``items`` what waits. Raises UsageError where ``every_run`` names none of several variants: a
    misspelt name would silence the whole test.
    """
    left = {item for item in items if waits(item)}
    _refuse_silence(items, left)
    config.hook.pytest_deselected(items=list(left))
    items[:] = [item for item in items if item not in left]


def waits(item: pytest.Item) -> bool:
    """Whether this one is for thorough runs alone."""
    if item.get_closest_marker("thorough") is not None:
        return True
    chosen = item.get_closest_marker("every_run")
    return chosen is not None and not any(fnmatchcase(_variant(item), pattern) for pattern in chosen.args)


def _variant(item: pytest.Item) -> str:
    call = getattr(item, "callspec", None)
    return str(call.id) if call is not None else ""


def _refuse_silence(items: list[pytest.Item], left: set[pytest.Item]) -> None:
    variants: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("every_run") is not None:
            variants[item.nodeid.partition("[")[0]].append(item)
    for name, those in variants.items():
        if len(those) > 1 and left.issuperset(those):
            raise pytest.UsageError(f"{name}: every_run names none of {', '.join(map(_variant, those))}")
