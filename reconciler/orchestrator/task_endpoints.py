"""Endpoints for tasks: ask for some, look at them and at what they say, cancel one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from sqlalchemy import Connection

from reconciler.core.member import Role
from reconciler.errors import InputError, RequestConflict, TemporaryError
from reconciler.orchestrator import views
from reconciler.orchestrator.admin_endpoints import READERS, answer, note, who
from reconciler.orchestrator.asking import Asked, asked
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.requests import read_request
from reconciler.orchestrator.store import agents, logs, tasks
from reconciler.orchestrator.store.database import Database
from reconciler.protocol import states
from reconciler.protocol.message.common import Actor
from reconciler.protocol.states import RANKS
from reconciler.tls.guard import for_roles

MOST_OPEN: Final = 1_000
"""How many tasks of one agent may be open; more are refused, not forgotten later."""

PAGE: Final = 100


class TaskEndpoints:
    """``lines`` are told where there is something for an agent."""

    def __init__(self, database: Database, lines: Lines) -> None:
        self._database = database
        self._lines = lines

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Make them known."""
        router.add_post("/v1/tasks", for_roles(self.submit, Role.ADMIN))
        router.add_get("/v1/tasks", for_roles(self.list, *READERS))
        router.add_get("/v1/tasks/{id}", for_roles(self.show, *READERS))
        router.add_post("/v1/tasks/{id}/cancel", for_roles(self.cancel, Role.ADMIN))
        router.add_get("/v1/tasks/{id}/log", for_roles(self.log, *READERS))

    async def submit(self, request: web.Request) -> web.Response:
        """Ask for a task of each agent that is selected. All of them, or none."""
        content = await request.read()
        found = await asyncio.to_thread(self._submit, request, content)
        self._lines.wake(*(item.task.target_id for item in found))
        return answer({"items": [views.task_view(item) for item in found]}, status=201)

    async def list(self, request: web.Request) -> web.Response:
        """A page of tasks, the newest first."""
        found = await asyncio.to_thread(self._list, request)
        items = [views.task_view(item) for item in found[:PAGE]]
        return answer({"items": items, **({"next": str(found[PAGE - 1].number)} if len(found) > PAGE else {})})

    async def show(self, request: web.Request) -> web.Response:
        """One task."""
        return answer(views.task_view(await asyncio.to_thread(self._find, request.match_info["id"])))

    async def cancel(self, request: web.Request) -> web.Response:
        """Somebody does not want it any more."""
        found = await asyncio.to_thread(self._cancel, request)
        self._lines.wake(found.task.target_id)
        return answer(views.task_view(found))

    async def log(self, request: web.Request) -> web.Response:
        """What a task said, from a cursor on."""
        begin = _number(request, "from", 0)
        return answer(views.log_view(await asyncio.to_thread(self._log, request.match_info["id"], begin)))

    def _submit(self, request: web.Request, content: bytes) -> list[tasks.Kept]:
        value, now = read_request(content, "TaskRequest"), datetime.now(UTC)
        with self._database.write() as on:
            found = asked(value, agents.every(on), Actor("user", who(request)), now=now)
            return [self._add(on, request, item, now) for item in found]

    @staticmethod
    def _add(on: Connection, request: web.Request, item: Asked, now: datetime) -> tasks.Kept:
        target = item.task.target_id
        if tasks.count_open(on, target) >= MOST_OPEN:
            raise TemporaryError(
                f"{MOST_OPEN} tasks of {target} are open already", hint="cancel some, or wait until they are done"
            )
        if tasks.with_key(on, target, item.task.idempotency_key) is not None:
            return tasks.add(on, item.task, now=now)
        kept = tasks.add(on, item.task, now=now)
        if item.sealed is not None:
            if item.sealed.binding.generation != (kept.task.generation or 0):
                raise RequestConflict(
                    f"the credentials for {target} are sealed for generation {item.sealed.binding.generation}, and "
                    f"{kept.task.generation or 0} comes next",
                    hint="seal them anew",
                )
            tasks.seal(on, kept.task.id, item.sealed)
        note(on, request, "task-submitted", kept.task.id, f"{kept.task.type} to {target}")
        return kept

    def _list(self, request: web.Request) -> list[tasks.Kept]:
        before = request.query.get("from")
        states_ = [item for item in request.query.get("state", "").split(",") if item]
        if unknown := sorted(set(states_) - RANKS.keys()):
            raise InputError(f"{unknown[0][:40]!r} is no state of a task", hint=f"one of {', '.join(RANKS)}")
        with self._database.read() as on:
            return tasks.page(
                on,
                target=request.query.get("target", ""),
                states=states_,
                before=None if before is None else _number(request, "from", 0),
                limit=PAGE + 1,
            )

    def _find(self, task_id: str) -> tasks.Kept:
        with self._database.read() as on:
            return tasks.find(on, task_id)

    def _cancel(self, request: web.Request) -> tasks.Kept:
        task_id, now = request.match_info["id"], datetime.now(UTC)
        with self._database.write() as on:
            kept = tasks.find(on, task_id)
            tasks.advance(on, kept, states.cancelled(kept.record), now=now)
            note(on, request, "task-cancelled", task_id, f"{kept.task.type} to {kept.task.target_id}")
            return tasks.find(on, task_id)

    def _log(self, task_id: str, begin: int) -> logs.Piece:
        with self._database.read() as on:
            tasks.find(on, task_id)
            return logs.read(on, task_id, begin=begin)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InputError(f"{name}={text[:40]!r} is no cursor", hint="use the one that was answered as 'next'")
    return int(text)
