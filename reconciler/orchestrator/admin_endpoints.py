"""Endpoints for people: agents, join tokens, documents. Viewers look; admins change.

What is decided here is written down in the same transaction: no decision without its event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypeVar

from aiohttp import web
from sqlalchemy import Connection

from reconciler import strict_json
from reconciler.core.member import Role
from reconciler.errors import NotKnown
from reconciler.orchestrator import views
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.invite import make_invitation
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.requests import read_request
from reconciler.orchestrator.store import agents, assignments, events, invitations
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.protocol.wire.times import time_text
from reconciler.tls.guard import CONNECTIONS, PEER, for_roles

READERS: Final = (Role.ADMIN, Role.VIEWER)
PAGE: Final = 1_000
TOKEN_LIFE_S: Final = 24 * 3600

T = TypeVar("T")


class AdminEndpoints:
    """``lines`` are told where something changes for an agent; ``changed`` is called where labels do."""

    def __init__(self, home: Home, database: Database, lines: Lines, changed: Callable[[], None]) -> None:
        self._home = home
        self._database = database
        self._lines = lines
        self._changed = changed

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Make them known."""
        router.add_get("/v1/agents", for_roles(self.agents, *READERS))
        router.add_get("/v1/agents/{id}", for_roles(self.agent, *READERS))
        router.add_patch("/v1/agents/{id}", for_roles(self.change_agent, Role.ADMIN))
        router.add_post("/v1/agents/{id}/revoke", for_roles(self.revoke, Role.ADMIN))
        router.add_get("/v1/tokens", for_roles(self.tokens, Role.ADMIN))
        router.add_post("/v1/tokens", for_roles(self.make_token, Role.ADMIN))
        router.add_delete("/v1/tokens/{id}", for_roles(self.withdraw_token, Role.ADMIN))
        router.add_get("/v1/documents", for_roles(self.documents, *READERS))
        router.add_get("/v1/documents/{id}", for_roles(self.document, *READERS))

    async def agents(self, request: web.Request) -> web.Response:
        """A page of agents."""
        after = request.query.get("from", "")
        found = await self._read(lambda on: agents.page(on, after=after, limit=PAGE + 1))
        now = datetime.now(UTC)
        items = [views.agent_view(item, now=now) for item in found[:PAGE]]
        return answer({"items": items, **({"next": found[PAGE - 1].name} if len(found) > PAGE else {})})

    async def agent(self, request: web.Request) -> web.Response:
        """One agent."""
        found = await self._read(lambda on: agents.find(on, request.match_info["id"]))
        return answer(views.agent_view(found, now=datetime.now(UTC)))

    async def change_agent(self, request: web.Request) -> web.Response:
        """Drain an agent, or say its labels."""
        name, value = request.match_info["id"], read_request(await request.read(), "AgentPatch")

        def work(on: Connection) -> agents.Agent:
            found = agents.change(on, name, drained=value.get("drained"), labels=value.get("labels"))
            note(on, request, "agent-changed", name, ", ".join(sorted(value)))
            return found

        found = await self._write(work)
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
            note(on, request, "revoked", name)
            return found

        found = await self._write(work)
        await request[CONNECTIONS].look()
        return answer(views.agent_view(found, now=datetime.now(UTC)))

    async def tokens(self, _request: web.Request) -> web.Response:
        """Join tokens, without their secrets."""
        found = await self._read(lambda on: invitations.page(on, now=datetime.now(UTC)))
        return answer({"items": [views.token_view(item) for item in found]})

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
        await self._write(made.keep)
        told = {"id": made.kept.id, "token": made.token.text().reveal().decode()}
        return answer({**told, "expiresAt": time_text(made.token.expires)}, status=201)

    async def withdraw_token(self, request: web.Request) -> web.Response:
        """A join token counts no more."""
        token = request.match_info["id"]

        def work(on: Connection) -> None:
            invitations.withdraw(on, token)
            note(on, request, "token-withdrawn", token)

        await self._write(work)
        return web.Response(status=204)

    async def documents(self, _request: web.Request) -> web.Response:
        """Documents that are assigned, without their texts."""
        return answer({"items": await self._read(lambda on: _documents(on, text=False))})

    async def document(self, request: web.Request) -> web.Response:
        """One document, and where it stands."""
        name = request.match_info["id"]
        found = [item for item in await self._read(lambda on: _documents(on, text=True)) if item["id"] == name]
        if not found:
            raise NotKnown(f"no document {name[:80]!r} is assigned to any agent")
        return answer(found[0])

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._in, self._database.read, work)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._in, self._database.write, work)

    @staticmethod
    def _in(opening: Callable[[], Any], work: Callable[[Connection], T]) -> T:
        with opening() as on:
            return work(on)


def _documents(on: Connection, *, text: bool) -> list[dict[str, Any]]:
    known = {item.name: item for item in agents.every(on)}
    by_name = groupby(assignments.everything(on), key=lambda item: item.id)
    return [views.document_view(list(parts), known, text=text) for _, parts in by_name]


def who(request: web.Request) -> str:
    """The member that asks, as its certificate says."""
    return request[PEER].member.uri


def note(on: Connection, request: web.Request, what: str, about: str, detail: str = "") -> None:
    """Somebody decided this."""
    events.add(on, FleetEvent(datetime.now(UTC), who(request), what, about, detail))


def answer(value: Mapping[str, Any], status: int = 200) -> web.Response:
    """JSON."""
    return web.Response(body=strict_json.canonical(dict(value)), status=status, content_type="application/json")
