"""A client's connections when their session is closed, and the server does not answer any more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from reconciler.tls.connector import Connector
from reconciler.tls.contexts import client_context
from tests.parts.tcp_proxy import TcpProxy
from tests.tls.fleet import AGENT, Orchestrator, moment, new_authority, run

AUTHORITY = new_authority()
PASSPORT = AUTHORITY.passport(AGENT, now=moment())
End = Callable[[aiohttp.ClientSession, TcpProxy], Awaitable[None]]


async def end_a_web_socket(session: aiohttp.ClientSession, network: TcpProxy) -> None:
    url, impatient = f"https://127.0.0.1:{network.port}/stream", aiohttp.ClientWSTimeout(ws_close=0.05)
    link = await session.ws_connect(url, timeout=impatient)
    network.swallow()
    await link.close()


async def give_up_a_request(session: aiohttp.ClientSession, network: TcpProxy) -> None:
    url = f"https://127.0.0.1:{network.port}/agents"
    async with session.get(url) as answer:
        await answer.read()
    network.swallow()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(session.get(url), 0.1)


@pytest.mark.parametrize("end", [end_a_web_socket, give_up_a_request])
def test_a_connection_that_says_goodbye_to_nobody_is_gone_with_its_session(end: End) -> None:
    wires: list[socket.socket] = []

    def wire(address: Any) -> socket.socket:
        wires.append(socket.socket(*address[:3]))
        return wires[-1]

    async def main() -> None:
        connector = Connector(ssl=client_context(PASSPORT), socket_factory=wire)
        async with (
            Orchestrator(AUTHORITY).serving() as server,
            TcpProxy(int(server.url.rpartition(":")[2])).serving() as network,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            await end(session, network)
            assert [item.fileno() >= 0 for item in wires] == [True], "it says goodbye in the background"
            await session.close()
            assert [item.fileno() >= 0 for item in wires] == [False]

    run(main())
