"""A host with an agent that has joined the orchestrator of tests."""

from __future__ import annotations

import pytest

from tests.agent.orchestrator import Orchestrator
from tests.e2e.fleet.fleet import Fleet
from tests.e2e.stage import Stage


@pytest.fixture
def fleet(stage: Stage, orchestrator: Orchestrator) -> Fleet:
    """The host has enrolled; its agent does not run yet."""
    made = Fleet(stage, orchestrator)
    made.enroll()
    return made
