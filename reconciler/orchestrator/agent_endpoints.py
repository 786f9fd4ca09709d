"""Endpoints for agents: one message in, one message out.

An agent acts only as itself: the name in the path is that of its certificate, or it is refused and recorded.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from reconciler.errors import AccessRefused
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.routing import BY_NAME, Handlers
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import KINDS
from reconciler.protocol.message.session import Close
from reconciler.protocol.reading import read, render
from reconciler.protocol.routes import STATUS
from reconciler.tls.guard import PEER, Endpoint

POLLING: Final = "polling"
JSON: Final = "application/json"
MESSAGES: Final = ("session", "heartbeat", "result", "log")


class AgentEndpoints:
    """Over plain requests."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {name: self._taking(KINDS[BY_NAME[name].body]) for name in MESSAGES}

    def _taking(self, kind: type[Message]) -> Endpoint:
        async def take(request: web.Request) -> web.Response:
            name = own_name(request)
            message = read(await request.read(), (kind,))
            answer = await self._lines.hear(name, message, transport=POLLING, peer=request[PEER])
            step = await self._lines.of(name).ready(answer)
            return _answer(step.messages[0]) if step.messages else web.Response(status=204)

        return take


def _answer(message: Message) -> web.Response:
    if not isinstance(message, Close):
        return web.Response(body=render(message), content_type=JSON)
    wait = message.retry_after_seconds
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return web.Response(body=render(message), content_type=JSON, status=STATUS[message.reason], headers=headers)


def own_name(request: web.Request) -> str:
    """The agent's name, which is that of the path. Raises AccessRefused."""
    member, asked = request[PEER].member, request.match_info["id"]
    if asked != member.name:
        raise AccessRefused(f"{member} asked as {asked[:80]!r}", hint="an agent speaks for itself alone")
    return member.name
