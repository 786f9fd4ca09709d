"""Endpoints for documents: which are assigned, and where they stand. They are changed in their folder."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

from aiohttp import web

from reconciler.errors import NotKnown
from reconciler.orchestrator import views
from reconciler.orchestrator.requests import answer, limit_of, page_of
from reconciler.orchestrator.routing import Handlers
from reconciler.orchestrator.store import agents, assignments
from reconciler.orchestrator.store.database import Database


class DocumentEndpoints:
    """For people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {"list-documents": self.page, "show-document": self.show}

    async def page(self, request: web.Request) -> web.Response:
        """Documents that are assigned, without their texts."""
        after, target = request.query.get("cursor", ""), request.query.get("target", "")
        found = [item for item in await asyncio.to_thread(self._views, text=False) if item["id"] > after]
        if target:
            found = [item for item in found if any(part["target"] == target for part in item["assigned"])]
        return page_of(found, limit_of(request), lambda item: str(item["id"]))

    async def show(self, request: web.Request) -> web.Response:
        """One document, and where it stands."""
        name = request.match_info["name"]
        found = [item for item in await asyncio.to_thread(self._views, text=True) if item["id"] == name]
        if not found:
            raise NotKnown(f"no document {name[:80]!r} is assigned to any agent")
        return answer(found[0])

    def _views(self, *, text: bool) -> list[dict[str, Any]]:
        with self._database.read() as on:
            known = {item.name: item for item in agents.every(on)}
            by_name = groupby(assignments.everything(on), key=lambda item: item.id)
            return [views.document_view(list(parts), known, text=text) for _, parts in by_name]
