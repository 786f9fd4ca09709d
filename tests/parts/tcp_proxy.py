"""A proxy in front of a TCP port: passes bytes on unread, and is a bad network where it is told to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_BLOCK = 64 << 10


class TcpProxy:
    """Listens on 127.0.0.1 and passes on to ``to`` there. Used in one event loop. ``connections``: how many came.

    ``deaf`` are directions ("up" is towards the server) in which bytes of connections that are open now vanish.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._open: set[_Pair] = set()
        self._refuses = False
        self.port = 0
        self.connections = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[TcpProxy]:
        """While the block lasts."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Every connection that is open."""
        for pair in tuple(self._open):
            pair.abort()

    def refuse(self, *, on: bool) -> None:
        """Cut, and let nobody connect; or let them again."""
        self._refuses = on
        if on:
            self.cut()

    def swallow(self, *directions: str) -> None:
        """A black hole: connections that are open now stay open, and nothing comes through any more."""
        for pair in self._open:
            pair.deaf |= set(directions or ("up", "down"))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._refuses:
            writer.transport.abort()
            return
        beyond_reader, beyond_writer = await asyncio.open_connection("127.0.0.1", self._to)
        pair = _Pair(writer, beyond_writer)
        self._open.add(pair)
        try:
            await asyncio.gather(pair.pump(reader, beyond_writer, "up"), pair.pump(beyond_reader, writer, "down"))
        except ConnectionError:
            pass  # either side has gone, and the other goes with it
        finally:
            pair.abort()
            self._open.discard(pair)


class _Pair:
    """One connection: both of its halves."""

    def __init__(self, ours: asyncio.StreamWriter, beyond: asyncio.StreamWriter) -> None:
        self._writers = (ours, beyond)
        self.deaf: set[str] = set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        while block := await reader.read(_BLOCK):
            if direction not in self.deaf:
                writer.write(block)
                await writer.drain()
        if direction not in self.deaf:
            writer.close()

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
