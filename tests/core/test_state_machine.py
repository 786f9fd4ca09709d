"""Deploy, crash, roll back, edit, prune and meddle, in any order: what must hold holds, on the simulated host."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.host import Host
from tests.model.machine import Life
from tests.model.simulated import SimulatedHost

EXAMPLES = 2000 if os.environ.get("THOROUGH") else 100
STEPS = 25


class SimulatedLife(Life):
    def make(self) -> Host:
        return SimulatedHost()


@pytest.mark.no_cover
@pytest.mark.fault("L4")
@pytest.mark.timeout(900)
def test_whatever_happens_in_whatever_order_a_calm_host_is_as_the_file_says() -> None:
    run_state_machine_as_test(
        SimulatedLife, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
    )
