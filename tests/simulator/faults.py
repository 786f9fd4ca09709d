"""Calls to a simulated engine: recorded, counted, and made to fail on demand.

A fault strikes before the effect (the engine refused, or never heard) or after it (the answer was lost).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

from reconciler.core.desired import ImageReference
from reconciler.errors import EngineUnavailable


class Call(NamedTuple):
    """``summary`` names containers by the name they had when the call came."""

    method: str
    summary: str
    mutating: bool

    def __str__(self) -> str:
        return f"{self.method} {self.summary}".rstrip()


@dataclass(slots=True)
class Fault:
    """Strikes ``method`` (or, with "", the mutating call number ``number``) while ``times`` lasts."""

    error: BaseException
    after: bool
    method: str = ""
    number: int = 0
    times: int = 1

    def strikes(self, call: Call, mutations: int) -> bool:
        if self.times < 1:
            return False
        return call.method == self.method if self.method else call.mutating and mutations == self.number


@dataclass(slots=True)
class FaultPlan:
    calls: list[Call] = field(default_factory=list)
    mutations: int = 0
    down: bool = False
    faults: list[Fault] = field(default_factory=list)

    def enter(self, call: Call) -> Fault | None:
        """Count the call; raise what strikes before its effect; return what strikes after it."""
        self.calls.append(call)
        self.mutations += call.mutating
        if self.down:
            raise EngineUnavailable(f"cannot {call}: no answer from the engine")
        fault = next((item for item in self.faults if item.strikes(call, self.mutations)), None)
        if fault is None:
            return None
        fault.times -= 1
        if not fault.after:
            raise fault.error
        return fault


class Recorded(Protocol):
    """What a class with operations has."""

    lock: threading.RLock
    faults: FaultPlan

    def settle(self) -> None: ...

    def title(self, value: str) -> str: ...


P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=Recorded)
Operation = Callable[Concatenate[E, P], R]


def operation(*, mutates: bool) -> Callable[[Operation[E, P, R]], Operation[E, P, R]]:
    """A call to the engine: one at a time, on a settled host, recorded, subject to faults."""

    def decorate(method: Operation[E, P, R]) -> Operation[E, P, R]:
        @functools.wraps(method)
        def call(engine: E, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with engine.lock:
                engine.settle()
                fault = engine.faults.enter(Call(method.__name__, _summary(engine, args, kwargs), mutates))
                result = method(engine, *args, **kwargs)
                engine.settle()
                if fault is not None:
                    raise fault.error
                return result

        return call

    return decorate


def _summary(engine: Recorded, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    words = [_word(engine, value) for value in args]
    words += [f"{key}={_word(engine, value)}" for key, value in kwargs.items() if key in {"image", "volumes"}]
    return " ".join(words)


def _word(engine: Recorded, value: object) -> str:
    if isinstance(value, ImageReference):
        return value.short
    return engine.title(value) if isinstance(value, str) else str(value)
