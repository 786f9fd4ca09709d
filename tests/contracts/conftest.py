"""The sides that the engine contract runs on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.engine_worlds import EngineWorld, RealSide, SimulatedSide

REAL = [pytest.mark.engine, pytest.mark.both_engines, pytest.mark.timeout(180)]


@pytest.fixture(params=["simulated", pytest.param("real", marks=REAL)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineWorld]:
    """A host with an Engine: simulated, or a private real one."""
    if request.param == "simulated":
        yield SimulatedSide(tmp_path)
        return
    from reconciler.engine.client import DockerEngine  # noqa: PLC0415 - the SDK, only where a real host is asked for

    yield RealSide(
        DockerEngine(request.getfixturevalue("engine_url"), clock=time.time),
        sdk=request.getfixturevalue("sdk"),
        registry=request.getfixturevalue("registry").address,
        prefix=request.getfixturevalue("prefix"),
        ports=_free_port,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
