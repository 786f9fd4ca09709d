"""The service manager that started us, told how we are: systemd's notify protocol, or nobody.

A datagram of NAME=VALUE lines to the socket that the environment names (sd_notify(3), sd_watchdog_enabled(3)).
Decides when what is told; how we are is handed in. What cannot be told is no reason to end: a manager that misses
the watchdog's word does that by itself.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger("reconciler")

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
UP = "READY=1"
"""An engine that is away is no reason to call our start a failure."""

LEAVING = "STOPPING=1"
READY = "ready"
TELL_EVERY_S = 5.0
WITHIN = 3
"""Words within the time after which the manager gives us up: one or two may be late."""

Check = Callable[[], tuple[bool, str]]
"""Whether it is so, and in words what it lacks."""


class ServiceManager:
    """``address`` is the path of its socket, ``@`` before an abstract one; "" where there is none. ``patience_s``:
    seconds without a word after which it gives us up; 0 where it does not watch.
    """

    def __init__(self, address: str = "", *, patience_s: float = 0.0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_s = min(patience_s / WITHIN, TELL_EVERY_S) if patience_s > 0 else TELL_EVERY_S
        self._said: dict[str, str] = {}

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager:
        """The one that the environment names."""
        watchdog = environment.get(WATCHDOG, "")
        return cls(environment.get(SOCKET, ""), patience_s=int(watchdog) / 1e6 if watchdog.isdecimal() else 0.0)

    @asynccontextmanager
    async def informed(self, healthy: Check, ready: Check, stop: asyncio.Event) -> AsyncIterator[None]:
        """We are up while the block runs, and leaving when it ends or when ``stop`` comes. Meanwhile say that we
        are ``healthy``, while we are, and in words how ``ready``, whenever that changes.
        """
        telling = asyncio.create_task(self._keep_informed(healthy, ready, stop))
        telling.add_done_callback(_ended)
        try:
            self._once(UP)
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            self._once(LEAVING)

    async def _keep_informed(self, healthy: Check, ready: Check, stop: asyncio.Event) -> None:
        if not self._address:
            return
        while True:
            self._once(UP)
            if healthy()[0]:
                self._tell("WATCHDOG=1")
            self._once(f"STATUS={' '.join((ready()[1] or READY).split())}")
            if stop.is_set():
                self._once(LEAVING)
            try:
                async with asyncio.timeout(self._every_s):
                    await (asyncio.sleep(self._every_s) if stop.is_set() else stop.wait())
            except TimeoutError:
                continue

    def _once(self, line: str) -> None:
        """Unless it is the last of its kind that was told. What could not be told is owed."""
        word = line.partition("=")[0]
        if line != self._said.get(word) and self._tell(line):
            self._said[word] = line

    def _tell(self, line: str) -> bool:
        """Whether it was told, or there is nobody to tell."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(line.encode(errors="replace"), self._address)
                return True
        except OSError as error:
            log.warning("the service manager cannot be told", word=line.partition("=")[0], error=error.strerror)
            return False


def _ended(telling: asyncio.Task[None]) -> None:
    """A manager that watches ends us then, and somebody will ask why."""
    if not telling.cancelled() and telling.exception() is not None:
        log.error("the service manager is not told of us any more", exc_info=telling.exception())
