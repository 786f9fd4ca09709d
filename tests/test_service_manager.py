"""A service manager is told that we are up, well, leaving; one that is away is no reason to end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.service_manager import ServiceManager
from tests.parts.notify_socket import NotifySocket, notify_socket


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@{tmp_path}"
    with notify_socket(address) as made:
        yield made


def live(ours: ServiceManager, *, healthy: bool, ready: list[str], seconds: float, stops: bool = False) -> None:
    """Run for so long; every time it asks for it, readiness has the next words, then the last."""
    words = iter(ready)
    last = [""]

    def next_words() -> tuple[bool, str]:
        last[0] = next(words, last[0])
        return True, last[0]

    async def life() -> None:
        stop = asyncio.Event()
        async with ours.informed(lambda: (healthy, ""), next_words, stop):
            await asyncio.sleep(seconds / 2)
            if stops:
                stop.set()
            await asyncio.sleep(seconds / 2)

    asyncio.run(life())


def test_it_is_told_that_we_are_up_how_we_are_and_that_we_leave(manager: NotifySocket) -> None:
    live(ServiceManager.of({"NOTIFY_SOCKET": manager.address}), healthy=True, ready=["ready"], seconds=0.1)
    assert manager.told() == ["READY=1", "WATCHDOG=1", "STATUS=ready", "STOPPING=1"]


def test_it_hears_that_we_are_well_often_enough_and_how_we_are_when_that_changes(manager: NotifySocket) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000"})
    live(ours, healthy=True, ready=["no\nengine", "ready"], seconds=0.4)
    told = manager.told()
    assert told.count("WATCHDOG=1") > 2
    assert [line for line in told if line.startswith("STATUS")] == ["STATUS=no engine", "STATUS=ready"]


def test_a_loop_that_is_stuck_is_not_called_well(manager: NotifySocket) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000"})
    live(ours, healthy=False, ready=["ready"], seconds=0.1)
    assert manager.told() == ["READY=1", "STATUS=ready", "STOPPING=1"]


def test_it_is_told_once_that_we_leave_and_goes_on_hearing_that_we_are_well(manager: NotifySocket) -> None:
    ours = ServiceManager.of({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "180000"})
    live(ours, healthy=True, ready=["ready"], seconds=0.8, stops=True)
    told = manager.told()
    assert told.count("STOPPING=1") == 1
    assert "WATCHDOG=1" in told[told.index("STOPPING=1") :]


def test_one_that_fails_is_leaving_too(manager: NotifySocket) -> None:
    ours = ServiceManager(manager.address)

    async def life() -> None:
        async with ours.informed(lambda: (True, ""), lambda: (True, "ready"), asyncio.Event()):
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011  (ours, and nothing else)
        asyncio.run(life())
    assert manager.told() == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": "1000000"}, {"WATCHDOG_USEC": "soon"}])
def test_without_one_nobody_is_told(environment: dict[str, str]) -> None:
    with capture_logs() as logs:
        live(ServiceManager.of(environment), healthy=True, ready=["ready"], seconds=0.02)
    assert logs == []


def test_one_that_is_away_is_a_warning(tmp_path: Path) -> None:
    with capture_logs() as logs:
        live(ServiceManager(str(tmp_path / "nowhere")), healthy=False, ready=[""], seconds=0.02)
    assert {(item["log_level"], item["word"], item["error"]) for item in logs} == {
        ("warning", word, "No such file or directory") for word in ("READY", "STATUS", "STOPPING")
    }


def test_that_it_is_not_told_any_more_is_an_error(tmp_path: Path) -> None:
    with notify_socket(str(tmp_path / "notify")) as manager, capture_logs() as logs:

        async def life() -> None:
            async with ServiceManager(manager.address).informed(broken, broken, asyncio.Event()):
                await asyncio.sleep(0.05)

        asyncio.run(life())
        assert manager.told() == ["READY=1", "STOPPING=1"]
    assert [item["log_level"] for item in logs] == ["error"]


def broken() -> tuple[bool, str]:
    raise ValueError("nobody expected this")


def test_what_could_not_be_told_is_told_later(tmp_path: Path) -> None:
    """A manager that is slow to listen, or was started anew."""
    address = str(tmp_path / "notify")
    ours = ServiceManager(address, patience_s=0.06)

    async def life() -> list[str]:
        async with ours.informed(lambda: (False, ""), lambda: (True, "ready"), asyncio.Event()):
            await asyncio.sleep(0.05)
            with notify_socket(address) as manager:
                await asyncio.sleep(0.1)
                return await asyncio.to_thread(manager.told)

    assert asyncio.run(life()) == ["READY=1", "STATUS=ready"]
