"""Programs that containers of the engine contract run: a script on a real host, a behaviour on a simulated one."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.container import HealthProbe
from tests.simulator.behaviour import Behaviour, Step, exits

LOG_LINES = tuple(f"line {number}" for number in range(1, 31))
LONG_LINES = tuple(f"{number} {'x' * 1000}" for number in range(100))
PROGRAM = ("/app/run",)
OK_FILE = "/tmp/ok"


@dataclass(frozen=True, slots=True)
class Sample:
    script: str
    behaviour: Behaviour


SERVES = Sample("trap 'exit 0' TERM\nsleep 1000 &\nwait $!", Behaviour())
STUBBORN = Sample("trap '' TERM\nwhile :; do sleep 1000; done", Behaviour(ignores_stop_signal=True))
ENDS = Sample("exit 0", exits(0))
FAILS = Sample("exit 3", exits(3))
TALKS = Sample(
    "i=1\nwhile [ $i -le 30 ]; do echo line $i; i=$((i+1)); done\n" + SERVES.script, Behaviour(logs=LOG_LINES)
)
FLOODS = Sample(
    "x=$(printf %01000d 0 | tr 0 x)\ni=0\nwhile [ $i -lt 100 ]; do echo $i $x; i=$((i+1)); done\n" + SERVES.script,
    Behaviour(logs=LONG_LINES),
)
GETS_SICK = Sample(
    f"touch {OK_FILE}\n(sleep 1; rm {OK_FILE}) &\n" + SERVES.script,
    Behaviour(steps=(Step(0.2, "healthy"), Step(1.2, "unhealthy"))),
)
MISSING_PROGRAM = Sample(SERVES.script, Behaviour(start_error="no such file or directory"))

PASSING = HealthProbe(test=("CMD", "true"), interval_ms=100, timeout_ms=2_000, retries=1)
WATCHING = HealthProbe(test=("CMD", "test", "-e", OK_FILE), interval_ms=100, timeout_ms=2_000, retries=1)
