"""What holds for all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent.orchestrator import Orchestrator
from tests.e2e.fixtures import assert_searched


@pytest.fixture
def orchestrator() -> Iterator[Orchestrator]:
    """One that tests feed; whoever wants the real program has it in ``fleet.whole``."""
    made = Orchestrator().start()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def every_test_is_searched(request: pytest.FixtureRequest) -> None:
    """For planted secrets, at its end."""
    assert_searched(request)
