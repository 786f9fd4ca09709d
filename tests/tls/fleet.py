"""A fleet for tests: an authority, members of it, and a real server that only members reach."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from reconciler.core.member import Member, Role
from reconciler.errors import AccessRefused, ReconcilerError
from reconciler.tls.admission import NOBODY, Denied, Peer
from reconciler.tls.authority import Authority
from reconciler.tls.certificates import make_issuing, make_root
from reconciler.tls.connections import Connections, Limits
from reconciler.tls.contexts import ServerContext
from reconciler.tls.guard import PEER, for_roles, guarded, open_socket

AGENT = Member(Role.AGENT, "host-a")
OTHER = Member(Role.AGENT, "host-b")
ADMIN = Member(Role.ADMIN, "ada")
SERVER = Member(Role.SERVER, "main")
NAMES = ("localhost", "127.0.0.1")
HOUR = timedelta(hours=1)
T = TypeVar("T")


def moment() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def new_authority(now: datetime | None = None) -> Authority:
    made_at = now or moment()
    root = make_root(made_at)
    return Authority(make_issuing(root, made_at), root.certificate, (root.certificate,))


def run(work: Coroutine[Any, Any, T]) -> T:
    """To its end, within the time that any of these tests should take."""
    return asyncio.run(asyncio.wait_for(work, 20))


class Orchestrator:
    """A server with one endpoint for agents, one for admins, and a WebSocket; all that it was told is kept."""

    def __init__(self, authority: Authority, *, bound_s: float = 30.0, oldest_s: float = 3600.0) -> None:
        self.authority = authority
        self.denied: Denied | ReconcilerError = NOBODY
        self.cut: list[str] = []
        self.refused: list[str] = []
        self.troubles: list[str] = []
        self.peers: list[Peer] = []
        self.context = ServerContext(authority.passport(SERVER, names=NAMES, now=moment()))
        self.connections = Connections(
            self._denied,
            Limits(bound_s=bound_s, oldest_s=oldest_s),
            spread=lambda: 1.0,
            on_cut=lambda peer, reason: self.cut.append(f"{peer.member}: {reason}"),
            on_trouble=lambda error: self.troubles.append(str(error)),
        )
        self.url = ""

    async def _denied(self) -> Denied:
        if isinstance(self.denied, ReconcilerError):
            raise self.denied
        return self.denied

    def _refuse(self, _request: web.Request, error: AccessRefused) -> web.Response:
        self.refused.append(str(error))
        return web.Response(status=403, text=str(error))

    async def _own(self, request: web.Request) -> web.Response:
        if request.match_info["name"] != request[PEER].member.name:
            raise AccessRefused(f"{request[PEER].member} speaks for itself alone")
        return web.Response()

    async def _hello(self, request: web.Request) -> web.Response:
        self.peers.append(request[PEER])
        return web.Response(text=f"hello {request[PEER].member}")

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = await open_socket(request, web.WebSocketResponse())
        async for message in socket:
            await socket.send_str(f"heard {message.data}")
        return socket

    async def _push(self, request: web.Request) -> web.WebSocketResponse:
        """One that only sends, and never listens."""
        socket = await open_socket(request, web.WebSocketResponse())
        await socket.send_str("here")
        await asyncio.sleep(60)
        return socket

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Orchestrator]:
        app = web.Application(middlewares=[guarded(self.connections, self._refuse)])
        app.router.add_get("/agents", for_roles(self._hello, Role.AGENT))
        app.router.add_get("/agents/{name}", for_roles(self._own, Role.AGENT))
        app.router.add_get("/admins", for_roles(self._hello, Role.ADMIN))
        app.router.add_get("/nobody", self._hello)
        app.router.add_get("/stream", for_roles(self._stream, Role.AGENT))
        app.router.add_get("/push", for_roles(self._push, Role.AGENT))
        watching = asyncio.create_task(self.connections.watch())
        async with listening(app, self.context.context) as self.url:
            yield self
        watching.cancel()


@asynccontextmanager
async def listening(app: web.Application, context: ssl.SSLContext) -> AsyncIterator[str]:
    """The application on a port of its own; gives its URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def get(url: str, context: ssl.SSLContext) -> tuple[int, str]:
    """One request over a new connection: status and text."""
    async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as answer:
        return answer.status, await answer.text()


async def refused(url: str, context: ssl.SSLContext) -> bool:
    """Whether TLS itself refuses: there is no answer."""
    try:
        await get(url, context)
    except aiohttp.ClientError:
        return True
    return False


async def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> float:
    """Seconds until it held."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while not holds():
        assert loop.time() - begin < within_s, "it never held"
        await asyncio.sleep(0.01)
    return loop.time() - begin
