"""Connector: what makes the connections of a client, and has none of them left when it is closed.

aiohttp waits for connections that are idle or in use when their session is closed. One that it gave up before (of
a WebSocket that has ended, of a request that was cancelled, of an answer after which the server closes) says
goodbye in the background: for up to 30 s where nobody answers, and beyond the end of the event loop. What was to
be read from it has been read by then, so it is cut.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace


class Connector(aiohttp.TCPConnector):
    """aiohttp's, with the same options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._made: WeakKeyDictionary[asyncio.Transport, ResponseHandler] = WeakKeyDictionary()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  (aiohttp's word for it)
    ) -> Connection:
        """A connection, new or used before, as aiohttp asks for it."""
        found = await super().connect(req, traces, timeout)
        if found.transport is not None and found.protocol is not None:
            self._made[found.transport] = found.protocol
        return found

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Cut all that are open, and wait until they are gone."""
        made = list(self._made.items())
        for transport, _ in made:
            transport.abort()
        gone = [protocol.closed for _, protocol in made if protocol.closed is not None]
        await super().close(abort_ssl=abort_ssl)
        await asyncio.gather(*gone, return_exceptions=True)  # how it was lost matters to nobody any more
