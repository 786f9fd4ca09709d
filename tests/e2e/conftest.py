"""What holds for all end-to-end tests."""

from __future__ import annotations

import pytest

from tests.e2e.fixtures import assert_searched


@pytest.fixture(autouse=True)
def every_test_is_searched(request: pytest.FixtureRequest) -> None:
    """For planted secrets, at its end."""
    assert_searched(request)
