"""Endpoints for contents of files: kept by digest, fetched by agents whose documents or tasks name them."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

from aiohttp import web

from reconciler.errors import InputError, NotKnown
from reconciler.orchestrator.admin_endpoints import decision
from reconciler.orchestrator.agent_endpoints import own_name
from reconciler.orchestrator.decisions import Decisions
from reconciler.orchestrator.routing import Handlers
from reconciler.orchestrator.store import artifacts
from reconciler.orchestrator.store.database import Database


class ArtifactEndpoints:
    """For agents, and for people who ask for tasks with files."""

    def __init__(self, database: Database, decisions: Decisions) -> None:
        self._database = database
        self._decisions = decisions

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {"fetch-artifact": self.fetch, "put-artifact": self.put}

    async def fetch(self, request: web.Request) -> web.Response:
        """To an agent whose documents or tasks name it; to any other it is not there."""
        name, digest = own_name(request), request.match_info["digest"]
        content = await asyncio.to_thread(self._fetch, name, digest)
        if content is None:
            raise NotKnown(f"no document or task of {name} names {digest[:80]!r}, or its content is not here")
        return web.Response(body=content, content_type="application/octet-stream")

    async def put(self, request: web.Request) -> web.Response:
        """A file, before a task names it."""
        content, digest = await request.read(), request.match_info["digest"]
        if digest_of(content) != digest:
            raise InputError(f"what was sent is not {digest[:80]!r}", hint="send the content of this digest")
        await asyncio.to_thread(self._put, request, digest, content)
        return web.Response(status=204)

    def _fetch(self, name: str, digest: str) -> bytes | None:
        with self._database.read() as on:
            return artifacts.fetch(on, name, digest)

    def _put(self, request: web.Request, digest: str, content: bytes) -> None:
        with self._decisions.deciding(decision(request, "file-kept", digest)) as on:
            artifacts.keep(on, digest, content, now=datetime.now(UTC))


def digest_of(content: bytes) -> str:
    """As it stands in documents and paths."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
