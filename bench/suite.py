"""Suites: each a file in ``suites`` that registers itself with ``@suite``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench import suites
from bench.ground import Ground
from bench.model import Curve, Row

Found = tuple[tuple[Row, ...], tuple[Curve, ...]]
Measure = Callable[[Ground], Found]


@dataclass(frozen=True, slots=True)
class Suite:
    """``title`` heads its part of the page. After ``within_s``, several times what it takes, it hangs."""

    name: str
    title: str
    measure: Measure
    within_s: float


REGISTERED: Final[dict[str, Suite]] = {}


def suite(name: str, title: str, *, within_s: float = 240.0) -> Callable[[Measure], Measure]:
    """Register a function as a suite."""

    def register(measure: Measure) -> Measure:
        REGISTERED[name] = Suite(name, title, measure, within_s)
        return measure

    return register


def discovered() -> dict[str, Suite]:
    """Every suite, in the order of their files."""
    for module in sorted(item.name for item in pkgutil.iter_modules(suites.__path__)):
        importlib.import_module(f"bench.suites.{module}")
    return dict(REGISTERED)
