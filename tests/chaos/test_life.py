"""The model of one document's life on a real engine: a few lives in every run, many in `make chaos`.

What fails is not made smaller: each step is seconds of real work. The steps of a life are told as they are taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.run import tell
from tests.e2e.documents import document
from tests.e2e.stage import Stage
from tests.model.host import Host
from tests.model.machine import Life
from tests.model.real import RealHost
from tests.parts.registry_proxy import RegistryProxy
from tests.parts.socket_proxy import SocketProxy

SECONDS = float(os.environ.get("CHAOS_SECONDS", "0"))
LIVES = max(2, round(SECONDS / 15))
STEPS = 12
LIFE_S = 120
"""More than any of them takes."""


def lives(make: Callable[[], Host]) -> type[Life]:
    """Each has a document of its own, which is gone at its end."""

    class RealLife(Life):
        def make(self) -> Host:
            return make()

        def teardown(self) -> None:
            super().teardown()
            if self.wish is not None:
                self.host.prune()

    return RealLife


@pytest.mark.fault("L4")
@pytest.mark.timeout(LIVES * LIFE_S)
def test_whatever_happens_in_whatever_order_a_calm_host_is_as_the_file_says(fresh_stage: Stage) -> None:
    idle = document("idle", fresh_stage.images.plain, "r1", suspend={"by": "ana", "reason": "stays in the folder"})
    fresh_stage.write(idle, file="idle.yaml")
    upstream = fresh_stage.images.web_v1.repository.partition("/")[0]
    with RegistryProxy(upstream) as registry, SocketProxy(fresh_stage.engine.socket) as proxy:
        run_state_machine_as_test(
            lives(lambda: RealHost(fresh_stage, registry, proxy, tell)),
            settings=settings(
                max_examples=LIVES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.verbose,  # tells what failed first; a second try goes another way
            ),
        )
