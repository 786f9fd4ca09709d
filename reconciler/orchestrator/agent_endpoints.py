"""Endpoints for agents: one message in, one message out; and their new certificates.

An agent acts only as itself: the name in the path is that of its certificate, or it is refused and recorded.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from reconciler.core.member import Role
from reconciler.errors import AccessRefused
from reconciler.orchestrator.lines import Lines
from reconciler.protocol.message.kinds import OF_AGENTS
from reconciler.protocol.reading import read, render
from reconciler.tls.guard import PEER, for_roles

POLLING: Final = "polling"
JSON: Final = "application/json"


class AgentEndpoints:
    """Over plain requests."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Make them known."""
        router.add_post("/v1/agents/{id}/heartbeat", for_roles(self.message, Role.AGENT))

    async def message(self, request: web.Request) -> web.Response:
        """Any message of an agent, and what is answered to it."""
        name = own_name(request)
        message = read(await request.read(), OF_AGENTS)
        step = await self._lines.hear(name, message, transport=POLLING)
        if not step.messages:
            return web.Response(status=204)
        return web.Response(body=render(step.messages[0]), content_type=JSON)


def own_name(request: web.Request) -> str:
    """The agent's name, which is that of the path. Raises AccessRefused."""
    member, asked = request[PEER].member, request.match_info["id"]
    if asked != member.name:
        raise AccessRefused(f"{member} asked as {asked[:80]!r}", hint="an agent speaks for itself alone")
    return member.name
