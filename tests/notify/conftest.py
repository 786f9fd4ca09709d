"""A real receiver, and channels that lead to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.webhook import Webhook


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with Webhook() as listening:
        yield listening
