"""A service manager is told that we are up, well, leaving; one that is away is no reason to end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.controller.app.service_manager import ServiceManager


class Manager:
    """Its side of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self) -> list[str]:
        """All that was told since the last time."""
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(4096).decode())
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "file" else f"@{tmp_path}"


@pytest.fixture
def manager(address: str) -> Iterator[Manager]:
    made = Manager(address)
    yield made
    made.close()


def informed(
    ours: ServiceManager, *, healthy: bool, ready: list[str], seconds: float, stops: bool = False
) -> None:
    """Keep it informed for so long; every time it asks for it, readiness has the next words, then the last."""
    words = iter(ready)
    last = [""]

    def next_words() -> tuple[bool, str]:
        last[0] = next(words, last[0])
        return True, last[0]

    async def talk() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(ours.keep_informed(lambda: (healthy, ""), next_words, stop))
        await asyncio.sleep(seconds / 2)
        if stops:
            stop.set()
        await asyncio.sleep(seconds / 2)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(talk())


def test_it_is_told_that_we_are_up_and_leaving(address: str, manager: Manager) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": address})
    ours.started()
    ours.stopping()
    assert manager.heard() == ["READY=1", "STOPPING=1"]


def test_it_hears_that_we_are_well_often_enough_and_how_we_are_when_that_changes(
    address: str, manager: Manager
) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000"})
    informed(ours, healthy=True, ready=["no\nengine", "ready"], seconds=0.2)
    heard = manager.heard()
    assert heard[:2] == ["WATCHDOG=1", "STATUS=no engine"]
    assert heard.count("WATCHDOG=1") > 2
    assert [line for line in heard if line.startswith("STATUS")] == ["STATUS=no engine", "STATUS=ready"]


def test_a_loop_that_is_stuck_is_not_called_well(address: str, manager: Manager) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000"})
    informed(ours, healthy=False, ready=["ready"], seconds=0.1)
    assert manager.heard() == ["STATUS=ready"]


def test_it_is_told_once_that_we_leave_and_goes_on_hearing_that_we_are_well(
    address: str, manager: Manager
) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "180000"})
    informed(ours, healthy=True, ready=["ready"], seconds=0.4, stops=True)
    heard = manager.heard()
    assert heard.count("STOPPING=1") == 1
    assert "WATCHDOG=1" in heard[heard.index("STOPPING=1") :]


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": "1000000"}, {"WATCHDOG_USEC": "soon"}])
def test_without_one_nobody_is_told(environment: dict[str, str]) -> None:
    ours = ServiceManager.of(environment)
    with capture_logs() as logs:
        ours.started()
        asyncio.run(ours.keep_informed(lambda: (True, ""), lambda: (True, ""), asyncio.Event()))
    assert logs == []


def test_one_that_is_away_is_a_warning(tmp_path: Path) -> None:
    with capture_logs() as logs:
        ServiceManager(str(tmp_path / "nowhere")).started()
    assert [(item["log_level"], item["word"], item["error"]) for item in logs] == [
        ("warning", "READY", "No such file or directory")
    ]


def test_what_could_not_be_told_is_told_later(tmp_path: Path) -> None:
    """A manager that is slow to listen, or was started anew."""
    address = str(tmp_path / "notify")
    ours = ServiceManager(address, patience_s=0.06)
    informed(ours, healthy=False, ready=["ready"], seconds=0.05)
    manager = Manager(address)
    informed(ours, healthy=False, ready=["ready"], seconds=0.05)
    assert manager.heard() == ["STATUS=ready"]
    manager.close()
