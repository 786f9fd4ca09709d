"""The controller under a service manager: it tells what systemd wants to know of a service that notifies."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually


@pytest.fixture
def told(fresh_stage: Stage) -> Iterator[socket.socket]:
    """The service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(str(fresh_stage.folder / "notify"))
        yield listening


def test_a_service_manager_hears_of_the_start_of_trouble_and_of_the_end(
    fresh_stage: Stage, fresh_oracle: Oracle, told: socket.socket
) -> None:
    heard: list[str] = []

    def hears(word: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(told.recv(4096).decode())
        return any(line.startswith(word) for line in heard)

    stage, address = fresh_stage, str(told.getsockname())
    stage.write(stage.web("v1"))
    with stage.controller(NOTIFY_SOCKET=address, WATCHDOG_USEC="900000", RECONCILER_RESYNC="1") as controller:
        eventually("it is up", lambda: hears("READY=1"))
        eventually("it is well", lambda: hears("WATCHDOG=1"))
        eventually("it sees its host", lambda: hears("STATUS=ready"))
        controller.settles(stage.name)
        stage.engine.stop()
        eventually("it says what is missing", lambda: hears("STATUS=asking the engine"))
        stage.engine.start()
        controller.settles(stage.name)
        controller.stop()
        assert hears("STOPPING=1")
    fresh_oracle.holds("v1")
