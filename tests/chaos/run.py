"""Rounds of chaos: some deeds, then everything is healed, and when it is quiet the oracle looks.

A round ends quiet when every document is as its file says: the wanted release converged, or a bad one put back and
quarantined. What waits for a person is cleared, as a person would: what was healed too often, and a good release
that was refused because the registry lied about it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.chaos.citizen import Citizen
from tests.chaos.deeds import draw
from tests.chaos.oracle import strangers, troubles
from tests.chaos.town import Town

MOST_DEEDS = 12
QUIET_WITHIN_S = 300.0
HELP_AFTER_S = 90.0
"""Later than whatever mends itself."""

LOOK_EVERY_S = 2.0
WAIT_FOR_A_PERSON = frozenset({"Held", "Failed", "RolledBack"})


def tell(line: str) -> None:
    """Every deed, at once: what went before a violation is the point of it."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {line}", flush=True)  # noqa: T201  (shown where a test fails)


class Violation(AssertionError):
    """The oracle does not hold, or it never got quiet."""


@dataclass(slots=True)
class Tally:
    """What a run came to."""

    rounds: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    converged_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Chaos:
    """``tell`` hears every deed. Stops with Violation; the deeds since the last quiet point are in its text."""

    town: Town
    chance: random.Random
    tell: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)

    def begin(self) -> dict[str, tuple[str, str]]:
        """Wait until all are deployed; who the strangers are."""
        self._quiet([])
        return strangers(self.town)

    def round(self, before: dict[str, tuple[str, str]]) -> None:
        """Some deeds, heal, quiet, oracle."""
        done = [self._deed() for _ in range(self.chance.randint(2, MOST_DEEDS))]
        began = time.monotonic()
        self._heal()
        self._quiet(done)
        self.tally.converged_s.append(time.monotonic() - began)
        self.town.stop()
        found = troubles(self.town, before)
        if found:
            raise Violation("\n".join([*found, "after:", *done]))
        self.tally.rounds += 1
        self.town.start()

    def _deed(self) -> str:
        deed = draw(self.chance)
        pause = self.chance.uniform(0.0, 1.5)
        said = deed(self.town, self.chance)
        self.tally.deeds[deed.__name__] += 1
        self.tell(said)
        time.sleep(pause)
        return said

    def _heal(self) -> None:
        self.town.registry.tell()
        self.town.proxy.heal()
        for citizen in self.town.citizens:
            self.town.write(citizen)
        self.town.start()

    def _quiet(self, done: list[str]) -> None:
        begin, helped = time.monotonic(), False
        late: dict[str, str] = {}
        while time.monotonic() - begin < QUIET_WITHIN_S:
            self.town.start()  # one that was to die at an Action may have got there only now
            late = self._late() or self.town.planned()
            if not late:
                return
            may_help = bool(done) and time.monotonic() - begin > HELP_AFTER_S
            helped = helped or (may_help and self._help())
            time.sleep(LOOK_EVERY_S)
        raise Violation("\n".join([f"not quiet: {late}", "after:", *done]))

    def _help(self) -> bool:
        """What only a person can mend, and is told to: an engine that keeps a port."""
        kept = self.town.kept_ports()
        if kept:
            self.tell(f"the engine keeps {kept} since its crash, and is restarted")
            self.tally.deeds["engine_kept_a_port"] += 1
            self.town.stage.engine.restart()
        return bool(kept)

    def _late(self) -> dict[str, str]:
        """Documents that are not as they should be yet, and how they are."""
        statuses = self.town.statuses()
        late = {}
        for citizen in self.town.citizens:
            told = statuses.get(citizen.name, {})
            state = f"{told.get('phase')} {told.get('release', {}).get('running')} {told.get('reason')}"
            if not self._settled(citizen, str(told.get("phase"))):
                late[citizen.name] = state
                if told.get("phase") in WAIT_FOR_A_PERSON and (told.get("phase") == "Held" or not citizen.bad):
                    self.town.stage.reconciler("clear", citizen.name)
        return late

    def _settled(self, citizen: Citizen, phase: str) -> bool:
        if citizen.bad:
            return phase in ({"RolledBack"} if citizen.former else {"Failed"})
        if phase == "Converged":
            citizen.former = frozenset({citizen.release})
        return phase == "Converged"
