"""How a simulated container's process behaves after it is started.

A behaviour belongs to an image (or, by ``SimulatedEngine.behave``, to one container). Its steps count from
each start, in seconds of the simulated clock. Steps about health mean nothing to a container without a
health check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StepKind = Literal["healthy", "unhealthy", "exit", "oom"]


@dataclass(frozen=True, slots=True)
class Step:
    after_s: float
    kind: StepKind
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """``exit_on_stop`` is the exit code after the stop signal; with ``ignores_stop_signal`` the process is
    killed when the stop timeout ends. ``start_error``: the engine cannot start it (command missing).
    ``logs`` are written at every start.
    """

    steps: tuple[Step, ...] = (Step(1.0, "healthy"),)
    exit_on_stop: int = 0
    ignores_stop_signal: bool = False
    start_error: str = ""
    logs: tuple[str, ...] = ()


def healthy(after_s: float = 1.0) -> Behaviour:
    return Behaviour(steps=(Step(after_s, "healthy"),))


def never_healthy() -> Behaviour:
    """Stays ``starting``."""
    return Behaviour(steps=())


def unhealthy(after_s: float = 1.0) -> Behaviour:
    return Behaviour(steps=(Step(after_s, "unhealthy"),))


def flips(healthy_s: float = 1.0, unhealthy_s: float = 3.0) -> Behaviour:
    """Healthy first, then not."""
    return Behaviour(steps=(Step(healthy_s, "healthy"), Step(unhealthy_s, "unhealthy")))


def exits(code: int, after_s: float = 0.0, *, logs: tuple[str, ...] = ()) -> Behaviour:
    """Healthy half-way (so that a crash loop shows ``healthy`` now and then), then it ends."""
    return Behaviour(steps=(Step(after_s / 2, "healthy"), Step(after_s, "exit", code)), logs=logs)


def killed_by_oom(after_s: float = 1.0) -> Behaviour:
    return Behaviour(steps=(Step(after_s, "oom", 137),))


def cannot_start(error: str = 'exec: "serve": executable file not found in $PATH') -> Behaviour:
    return Behaviour(steps=(), start_error=error)
