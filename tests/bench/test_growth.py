"""What a look costs grows in proportion to the documents: there is no size from which it is another program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bench.growth import measured
from bench.simulated import World
from reconciler.spec.build import build

FEW, MANY = 40, 160
GROWTH = MANY / FEW
SLACK = 1.2


def _lines(work: Callable[[], object]) -> int:
    """How many lines of Python are run: what a clock would tell on a machine that has nothing else to do."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(former)
    return count


def _growth(folder: Path, work: Callable[[World], Callable[[], object]]) -> float:
    counts = []
    for size in (FEW, MANY):
        with closing(World(folder / str(size), size)) as world:
            counts.append(_lines(work(world)))
    return counts[1] / counts[0]


def test_a_first_look(tmp_path: Path) -> None:
    assert _growth(tmp_path, lambda world: world.assess_quietly) < GROWTH * SLACK


def test_a_quiet_look(tmp_path: Path) -> None:
    def quiet(world: World) -> Callable[[], object]:
        world.assess_quietly()
        return world.assessor.assess

    assert _growth(tmp_path, quiet) < GROWTH * SLACK


def test_a_look_at_all_that_another_process_may_have_written(tmp_path: Path) -> None:
    def again(world: World) -> Callable[[], object]:
        world.history.records()
        other = type(world.history).open(world.folder / "history.db", clock=lambda: 0.0, rebuild=build)
        with closing(other):
            other.hold("web-0", reason="by hand")
        return world.history.records

    assert _growth(tmp_path, again) < GROWTH * SLACK


def test_what_is_measured_of_a_size(tmp_path: Path) -> None:
    found = measured(tmp_path, 10, rounds=1)
    assert found["calls"] == 1
    assert found["memory"] > 10
    assert found["first"] > 0
    assert found["look"] > 0
    assert found["folder"] > 0


def test_a_world_in_which_something_is_to_be_done_is_no_measure_of_a_quiet_look(tmp_path: Path) -> None:
    with closing(World(tmp_path / "world", 2)) as world:
        world.engine.by_hand.stop("web-1")
        with pytest.raises(RuntimeError, match="there is something to do"):
            world.assess_quietly()
