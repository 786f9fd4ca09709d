"""Guard: the one door of a server's endpoints. Every request passes it, and what is behind it knows who asks.

Decides who comes in at all: a member, not denied, in a role that the endpoint is for. What a member may ask there
(an agent only for itself) is for the endpoint, which takes the Peer from ``request[PEER]`` and raises
AccessRefused, before its answer has begun.

An endpoint says its roles where it is made known; one that says none is for nobody. Who may come in at all is told
of a path that nothing is served at, so that a mistyped one is not taken for a lack of rights:

    app = web.Application(middlewares=[guarded(connections, refuse)])
    app.router.add_post("/v1/agents/{id}/heartbeat", for_roles(heartbeat, Role.AGENT))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from reconciler.core.member import Role
from reconciler.errors import AccessRefused
from reconciler.tls.admission import Peer
from reconciler.tls.connections import Connections
from reconciler.tls.peer import peer_of

PEER: Final = web.RequestKey("peer", Peer)
CONNECTIONS: Final = web.RequestKey("connections", Connections)
GONE: Final = "who asked is gone already"
_ROLES: Final = "roles_let_in"

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refuse = Callable[[web.Request, AccessRefused], web.Response]


def for_roles(endpoint: Endpoint, *roles: Role) -> Endpoint:
    """The endpoint, for members in these roles."""

    @wraps(endpoint)
    async def known(request: web.Request) -> web.StreamResponse:
        return await endpoint(request)

    setattr(known, _ROLES, frozenset(roles))
    return known


def guarded(connections: Connections, refuse: Refuse) -> Middleware:
    """The middleware. ``refuse`` makes the answer 403 of a refusal, and records it."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            fresh = await _let_in(request, connections)
            answer = await handler(request)
        except AccessRefused as error:
            refused = refuse(request, error)
            refused.force_close()
            return refused
        if not fresh and not answer.prepared:
            answer.force_close()
        return answer

    return guard


async def _let_in(request: web.Request, connections: Connections) -> bool:
    """False where the connection should end after this request. Raises AccessRefused."""
    peer = peer_of(request)
    if reason := await connections.refusal(peer):
        raise AccessRefused(reason)
    served = request.match_info.http_exception is None  # what is not served is for nobody, and says so itself
    if served and peer.member.role not in getattr(request.match_info.handler, _ROLES, ()):
        raise AccessRefused(f"this is not for {peer.member}")
    request[PEER], request[CONNECTIONS] = peer, connections
    return connections.know(_transport(request), peer)


async def open_socket(request: web.Request, socket: web.WebSocketResponse) -> web.WebSocketResponse:
    """Prepare the WebSocket of a request that came through the guard; it is watched from now on.

    Raises AccessRefused where the connection has ended meanwhile.
    """
    transport = _transport(request)
    try:
        await socket.prepare(request)
    except ConnectionError as error:
        raise AccessRefused(GONE) from error
    request[CONNECTIONS].upgraded(socket, transport)
    return socket


def _transport(request: web.Request) -> asyncio.Transport:
    """Raises AccessRefused where the connection has ended meanwhile."""
    if request.transport is None:
        raise AccessRefused(GONE)
    return request.transport
