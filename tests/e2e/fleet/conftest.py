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


@pytest.fixture
def fresh_fleet(fresh_stage: Stage, orchestrator: Orchestrator) -> Fleet:
    """The same on an engine that may be killed."""
    made = Fleet(fresh_stage, orchestrator)
    made.enroll()
    return made
