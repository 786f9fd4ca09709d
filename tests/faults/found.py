"""Faults that the tests found in this project, and the test that holds each of them now.

Nothing leaves this list: what was wrong once is what will be wrong again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """``row``: of the catalogue. ``wrong``: what happened. ``held_by``: the test, ``file::name`` below tests/."""

    row: str
    wrong: str
    held_by: str


FOUND: tuple[Found, ...] = ()
