"""Live: tells the browsers that watch whenever there is something new, by server-sent events.

An event says nothing but a number, which is another after every change; a page that was made of another number
asks for itself again. Changes that come together are told once.

Invariants: at most ``most`` watch at once, the next is asked to come later; a silent connection hears a heartbeat,
so that one that is gone is noticed; all of them end as soon as the server stops.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from aiohttp import web

MOST: Final = 64
HEARTBEAT_S: Final = 15.0
PAUSE_S: Final = 0.5
"""Between two events: a deploy changes much at once."""

_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}


class Live:
    """To be made inside the event loop. ``announce`` may be called from any thread."""

    def __init__(self, *, most: int = MOST, heartbeat_s: float = HEARTBEAT_S, pause_s: float = PAUSE_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._heartbeat_s = heartbeat_s
        self._pause_s = pause_s
        self._watching: set[asyncio.Event] = set()
        # Another one in every process: who watched the one before is to see that something is new.
        self.number = secrets.randbelow(1 << 40)
        """Of the last change; each page tells which it was made of."""
        self._end = asyncio.Event()

    @property
    def watching(self) -> int:
        """How many browsers watch."""
        return len(self._watching)

    def announce(self) -> None:
        """There is something new."""
        with suppress(RuntimeError):  # the loop is closed: nobody watches any more
            self._loop.call_soon_threadsafe(self._wake)

    async def ending(self, _app: web.Application) -> None:
        """Let all of them go: a signal of the application's shutdown."""
        self._end.set()
        self._wake()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Tell one browser, until it leaves or we stop."""
        if len(self._watching) >= self._most:
            return web.Response(status=503, text="too many watch at once\n", headers={"Retry-After": "30"})
        response = web.StreamResponse(headers=_HEADERS)
        changed = asyncio.Event()
        self._watching.add(changed)
        try:
            await response.prepare(request)
            async for line in self._lines(changed):
                async with asyncio.timeout(self._heartbeat_s):  # one that does not read is as good as gone
                    await response.write(line)
        except (ConnectionError, TimeoutError):
            pass  # it has left
        finally:
            self._watching.discard(changed)
        return response

    async def _lines(self, changed: asyncio.Event) -> AsyncIterator[bytes]:
        # The first event is for what changed between the page and this connection.
        yield f"retry: 2000\ndata: {self.number}\n\n".encode()
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await changed.wait()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if self._end.is_set():
                return
            changed.clear()
            yield f"data: {self.number}\n\n".encode()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await self._end.wait()

    def _wake(self) -> None:
        # Counted here and not where it is announced: a page that is made meanwhile is asked for once too often at
        # worst, never once too seldom.
        self.number += 1
        for changed in self._watching:
            changed.set()
