"""The engine under test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reconciler.engine.client import DockerEngine


@pytest.fixture
def live(engine_url: str) -> Iterator[DockerEngine]:
    live = DockerEngine(engine_url, clock=time.time)
    yield live
    live.close()
