"""Endpoints for documents: what is wished for, and where it stands. Those of the folder are changed there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from reconciler.errors import NotKnown
from reconciler.orchestrator.bringing import scenery_of
from reconciler.orchestrator.document_views import Scene, document_view, problems_of
from reconciler.orchestrator.requests import answer, limit_of, page_of
from reconciler.orchestrator.routing import Handlers
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.wishes import Wishes


class DocumentEndpoints:
    """For people. ``wishes``: what is wished for, as of the last look."""

    def __init__(self, database: Database, wishes: Callable[[], Wishes]) -> None:
        self._database = database
        self._wishes = wishes

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {"list-documents": self.page, "show-document": self.show}

    async def page(self, request: web.Request) -> web.Response:
        """Documents without their texts."""
        after, target = request.query.get("cursor", ""), request.query.get("target", "")
        scene = await asyncio.to_thread(self._scene)
        found = [document_view(scene, name, text=False) for name in scene.names if name > after]
        if target:
            found = [item for item in found if any(part["target"] == target for part in item["assigned"])]
        problems = problems_of(scene.wishes)
        return page_of(found, limit_of(request), lambda item: str(item["id"]), problems=problems)

    async def show(self, request: web.Request) -> web.Response:
        """One document, and where it stands."""
        name = request.match_info["name"]
        scene = await asyncio.to_thread(self._scene)
        if name not in scene.names:
            raise NotKnown(f"there is no document {name[:80]!r}", hint="'reconciler fleet documents' names all")
        view = document_view(scene, name, text=True)
        told = answer(view)
        if "revision" in view:
            told.headers["ETag"] = f'"{view["revision"]}"'
        return told

    def _scene(self) -> Scene:
        with self._database.read() as on:
            return Scene(self._wishes(), scenery_of(on, datetime.now(UTC)))
