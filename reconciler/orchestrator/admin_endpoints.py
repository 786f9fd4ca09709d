"""Endpoints for people: agents and join tokens. Viewers look; admins change.

What is decided here stands in the audit log before it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from aiohttp import web

from reconciler.orchestrator import views
from reconciler.orchestrator.decisions import Decision, Decisions
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.invite import make_invitation
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.requests import answer, limit_of, page_of, read_request
from reconciler.orchestrator.routing import Handlers
from reconciler.orchestrator.store import agents, invitations
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.protocol.wire.times import time_text
from reconciler.tls.guard import CONNECTIONS, PEER

TOKEN_LIFE_S: Final = 24 * 3600

T = TypeVar("T")


class AdminEndpoints:
    """``lines`` are told where something changes for an agent; ``changed`` is called where labels do."""

    def __init__(
        self, home: Home, database: Database, lines: Lines, *, decisions: Decisions, changed: Callable[[], None]
    ) -> None:
        self._decisions = decisions
        self._home = home
        self._database = database
        self._lines = lines
        self._changed = changed

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {
            "list-agents": self.agents,
            "show-agent": self.agent,
            "change-agent": self.change_agent,
            "revoke-agent": self.revoke,
            "list-tokens": self.tokens,
            "create-token": self.make_token,
            "delete-token": self.withdraw_token,
        }

    async def agents(self, request: web.Request) -> web.Response:
        """A page of agents."""
        after, limit, wanted = request.query.get("cursor", ""), limit_of(request), request.query.get("presence")
        found = await self._read(agents.every)
        now = datetime.now(UTC)
        items = [views.agent_view(item, now=now) for item in found if item.name > after]
        items = [item for item in items if wanted in {None, item["presence"]}]
        return page_of(items, limit, lambda item: item["id"])

    async def agent(self, request: web.Request) -> web.Response:
        """One agent."""
        found = await self._read(lambda on: agents.find(on, request.match_info["id"]))
        return answer(views.agent_view(found, now=datetime.now(UTC)))

    async def change_agent(self, request: web.Request) -> web.Response:
        """Drain an agent, or say its labels."""
        name, value = request.match_info["id"], read_request(await request.read(), "AgentPatch")

        def work(on: Connection) -> agents.Agent:
            return agents.change(on, name, drained=value.get("drained"), labels=value.get("labels"))

        told = ", ".join(f"{key}: {value[key]}" for key in sorted(value))
        found = await self._decide(decision(request, "agent-changed", name, told), work)
        self._changed()
        self._lines.wake(name)
        return answer(views.agent_view(found, now=datetime.now(UTC)))

    async def revoke(self, request: web.Request) -> web.Response:
        """Let an agent's certificates count no more, nor join tokens for it."""
        name = request.match_info["id"]

        def work(on: Connection) -> agents.Agent:
            now = datetime.now(UTC)
            found = agents.revoke(on, name, now=now)
            invitations.withdraw_all(on, name)
            return found

        found = await self._decide(decision(request, "revoked", name), work)
        await request[CONNECTIONS].look()
        return answer(views.agent_view(found, now=datetime.now(UTC)))

    async def tokens(self, request: web.Request) -> web.Response:
        """Join tokens, without their secrets."""
        found = await self._read(lambda on: invitations.page(on, now=datetime.now(UTC)))
        return page_of([views.token_view(item) for item in found], limit_of(request), lambda item: item["id"])

    async def make_token(self, request: web.Request) -> web.Response:
        """A join token, told once."""
        value = read_request(await request.read(), "TokenRequest")
        made = await asyncio.to_thread(
            make_invitation,
            self._home,
            value["agent"],
            labels=value.get("labels", {}),
            life=timedelta(seconds=value.get("ttlSeconds", TOKEN_LIFE_S)),
            actor=who(request),
        )
        await self._decide(made.decision, made.keep)
        told = {"id": made.kept.id, "token": made.token.text().reveal().decode()}
        return answer({**told, "expiresAt": time_text(made.token.expires)}, status=201)

    async def withdraw_token(self, request: web.Request) -> web.Response:
        """A join token counts no more."""
        token = request.match_info["token"]

        def work(on: Connection) -> None:
            invitations.withdraw(on, token)

        await self._decide(decision(request, "token-withdrawn", token), work)
        return web.Response(status=204)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._in, self._database.read, work)

    async def _decide(self, decided: Decision, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._in, lambda: self._decisions.deciding(decided), work)

    @staticmethod
    def _in(opening: Callable[[], Any], work: Callable[[Connection], T]) -> T:
        with opening() as on:
            return work(on)


def who(request: web.Request) -> str:
    """The member that asks, as its certificate says."""
    return request[PEER].member.uri


def decision(
    request: web.Request, what: str, about: str, detail: str = "", *, document: str = "", task: str = ""
) -> Decision:
    """Of who asks."""
    return Decision(actor=who(request), what=what, about=about, detail=detail, document=document, task=task)
