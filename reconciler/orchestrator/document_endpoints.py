"""Endpoints for documents: what is wished for, and where it stands. Those of the folder are changed there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from reconciler.errors import NotKnown
from reconciler.orchestrator.bringing import scenery_of
from reconciler.orchestrator.document_views import Scene, document_view, problems_of
from reconciler.orchestrator.requests import answer, limit_of, page_of
from reconciler.orchestrator.routing import Handlers
from reconciler.orchestrator.store import assignments
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
        limit, scene = limit_of(request), await asyncio.to_thread(self._scene)
        names = [name for name in scene.names if name > after]
        if target:
            names = [name for name in names if (target, name) in scene.fleet.assigned]
        found = [document_view(scene, name) for name in names[: limit + 1]]
        problems = problems_of(scene.wishes)
        return page_of(found, limit, lambda item: str(item["id"]), problems=problems)

    async def show(self, request: web.Request) -> web.Response:
        """One document, and where it stands."""
        name = request.match_info["name"]
        view = await asyncio.to_thread(self._whole, name)
        told = answer(view)
        if "revision" in view:
            told.headers["ETag"] = f'"{view["revision"]}"'
        return told

    def _whole(self, name: str) -> dict[str, Any]:
        """With its text."""
        scene = self._scene()
        if name not in scene.names:
            raise NotKnown(f"there is no document {name[:80]!r}", hint="'reconciler fleet documents' names all")
        wishes, parts = scene.about(name)
        if len(wishes) == 1 or not parts:
            text = wishes[0].put.text if wishes[0].put else wishes[0].text
        else:
            newest = max(parts, key=lambda item: item.issued_at)
            with self._database.read() as on:
                text = assignments.find(on, newest.target_id, name).text
        return {**document_view(scene, name), "text": text}

    def _scene(self) -> Scene:
        with self._database.read() as on:
            return Scene(self._wishes(), scenery_of(on, datetime.now(UTC)))
