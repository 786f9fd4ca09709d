"""Open connections of members, and how they end when their member may not speak any more.

Whoever is denied is refused with the next request (``guard``). A WebSocket makes no further requests, so all open
connections are looked at again and again: who was denied, or whose certificate has expired, is cut off within
``bound_s`` of it. A WebSocket that is older than ``oldest_s`` is asked to come again, with a handshake that sees
today's certificates and roots; ages are spread, so that a fleet does not come again at once.

Where the list of the denied cannot be read the one before stays in force, and what went wrong is told to
``on_trouble``: nobody is locked out by a store that is away for a moment, and nobody who was denied comes in.
Before it was read once, nobody does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import WSCloseCode, web

from reconciler.errors import ReconcilerError, TemporaryError
from reconciler.tls.admission import NOBODY, Denied, Peer, may

LONGEST_BOUND_S: Final = 60.0
OLDEST_S: Final = 3600.0

ReadDenied = Callable[[], Awaitable[Denied]]


@dataclass(slots=True)
class _Connection:
    transport: asyncio.Transport
    peer: Peer
    ends_at: float
    socket: web.WebSocketResponse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``bound_s``: how soon who may not speak is cut off, at most 60 s; take the heartbeat. ``oldest_s``: the
    greatest age of a connection. Raises ValueError.
    """

    bound_s: float = 30.0
    oldest_s: float = OLDEST_S

    def __post_init__(self) -> None:
        if not 0 < self.bound_s <= LONGEST_BOUND_S or self.oldest_s <= 0:
            raise ValueError(f"the bound is above 0 and at most {LONGEST_BOUND_S:g} s, the age above 0")


class Connections:
    """Used in one event loop. ``spread`` gives numbers from 0 to 1; ``on_cut`` hears who was cut off, and why."""

    def __init__(
        self,
        denied: ReadDenied,
        limits: Limits,
        *,
        spread: Callable[[], float],
        on_cut: Callable[[Peer, str], None],
        on_trouble: Callable[[ReconcilerError], None],
    ) -> None:
        self.limits = limits
        self._read_denied = denied
        self._spread = spread
        self._on_cut = on_cut
        self._on_trouble = on_trouble
        self._last_denied: Denied | None = None
        self._open: dict[asyncio.Transport, _Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def refusal(self, peer: Peer) -> str | None:
        """Why the peer may not speak now, None where it may. For each request and each message."""
        denied = await self._denied()
        if denied is None:
            return "who is denied is not known yet: try again"
        return may(peer, denied, now=datetime.now(UTC))

    def know(self, transport: asyncio.Transport, peer: Peer) -> bool:
        """A request came over this connection. False where it is so old that it should be the last."""
        now = asyncio.get_running_loop().time()
        known = self._open.get(transport)
        if known is None:
            age = self.limits.oldest_s * (0.75 + 0.25 * self._spread())
            known = self._open[transport] = _Connection(transport, peer, now + age)
        return now < known.ends_at

    def upgraded(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        """The connection is a WebSocket from now on, and is closed as one; nothing where it was cut off."""
        if transport in self._open:
            self._open[transport].socket = socket

    async def watch(self) -> None:
        """Look at all of them for ever. The three parts of the bound: until it begins, reading, closing."""
        while True:
            await asyncio.sleep(self.limits.bound_s / 3)
            await self.look()

    async def look(self) -> None:
        """Cut off who may not speak any more, and send away who has been here for too long."""
        denied, now = await self._denied(), datetime.now(UTC)
        age = asyncio.get_running_loop().time()
        self._open = {item: known for item, known in self._open.items() if not item.is_closing()}
        ending = []
        for known in self._open.values():
            if reason := may(known.peer, denied or NOBODY, now=now):
                ending.append(self._end(known, WSCloseCode.POLICY_VIOLATION, reason))
            elif known.socket is not None and age >= known.ends_at:
                ending.append(self._end(known, WSCloseCode.SERVICE_RESTART, "come again: this connection is old"))
        await asyncio.gather(*ending)

    async def end_all(self, reason: str) -> None:
        """All of them, as when a root is retired at once, or the server stops."""
        ending = [self._end(known, WSCloseCode.SERVICE_RESTART, reason) for known in self._open.values()]
        await asyncio.gather(*ending)

    async def _end(self, known: _Connection, code: WSCloseCode, reason: str) -> None:
        """Say why, where that can be said, and cut."""
        self._open.pop(known.transport, None)
        try:
            if known.socket is not None:
                said = known.socket.close(code=code, message=reason.encode()[:120])
                await asyncio.wait_for(said, self.limits.bound_s / 4)
        except TimeoutError:
            pass  # who does not answer a close is cut off without one
        finally:
            known.transport.abort()
        self._on_cut(known.peer, reason)

    async def _denied(self) -> Denied | None:
        """None until it could be read for the first time; nobody was let in by then."""
        try:
            async with asyncio.timeout(self.limits.bound_s / 4):
                self._last_denied = await self._read_denied()
        except TimeoutError:
            self._on_trouble(TemporaryError("the list of who is denied was not read in time; the last one counts"))
        except ReconcilerError as error:
            self._on_trouble(error)
        return self._last_denied
