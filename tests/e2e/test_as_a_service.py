"""The controller under a service manager: it tells what systemd wants to know of a service that notifies."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Self

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually

READ_EVERY_S = 0.1


class ServiceManager:
    """Reads at once what it is told at ``address``: the kernel keeps ten messages, and what comes then is lost."""

    def __init__(self, listening: socket.socket) -> None:
        self.address = str(listening.getsockname())
        self._listening = listening
        self._heard: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def _listen(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                self._heard.append(self._listening.recv(4096).decode())

    def hears(self, word: str) -> bool:
        """Whether it was told something that begins so."""
        return any(line.startswith(word) for line in list(self._heard))

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Self]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join()


@pytest.fixture
def manager(fresh_stage: Stage) -> Iterator[ServiceManager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(READ_EVERY_S)
        listening.bind(str(fresh_stage.folder / "notify"))
        with ServiceManager(listening).at_work() as manager:
            yield manager


def test_a_service_manager_hears_of_the_start_of_trouble_and_of_the_end(
    fresh_stage: Stage, fresh_oracle: Oracle, manager: ServiceManager
) -> None:
    stage, hears = fresh_stage, manager.hears
    stage.write(stage.web("v1"))
    settings = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "900000", "RECONCILER_RESYNC": "1"}
    with stage.controller(**settings) as controller:
        eventually("it is up", lambda: hears("READY=1"))
        eventually("it is well", lambda: hears("WATCHDOG=1"))
        eventually("it sees its host", lambda: hears("STATUS=ready"))
        controller.settles(stage.name)
        stage.engine.stop()
        eventually("it says what is missing", lambda: hears("STATUS=asking the engine"))
        stage.engine.start()
        controller.settles(stage.name)
        controller.stop()
        eventually("it says that it ends", lambda: hears("STOPPING=1"))
    fresh_oracle.holds("v1")
