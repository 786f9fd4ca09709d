"""Endpoints for tasks: ask for some, look at them and at what they say, cancel one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from reconciler.errors import InputError, RequestConflict, TemporaryError
from reconciler.orchestrator import views
from reconciler.orchestrator.admin_endpoints import decision, who
from reconciler.orchestrator.asking import Asked, asked
from reconciler.orchestrator.decisions import Decisions
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.requests import answer, limit_of, number_of, page_of, read_request
from reconciler.orchestrator.routing import Handlers, status_of
from reconciler.orchestrator.store import agents, logs, tasks
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.protocol import states
from reconciler.protocol.message.common import Actor
from reconciler.protocol.states import RANKS, is_over

MOST_OPEN: Final = 1_000
"""How many tasks of one agent may be open; more are refused, not forgotten later."""


class TaskEndpoints:
    """``lines`` are told where there is something for an agent."""

    def __init__(self, database: Database, lines: Lines, decisions: Decisions) -> None:
        self._database = database
        self._decisions = decisions
        self._lines = lines

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {
            "create-tasks": self.submit,
            "list-tasks": self.page,
            "show-task": self.show,
            "cancel-task": self.cancel,
            "read-log": self.log,
        }

    async def submit(self, request: web.Request) -> web.Response:
        """Ask for a task of each agent that is selected. All of them, or none."""
        content = await request.read()
        found = await asyncio.to_thread(self._submit, request, content)
        self._lines.wake(*(item.task.target_id for item in found))
        return answer({"items": [views.task_view(item) for item in found]}, status=201)

    async def page(self, request: web.Request) -> web.Response:
        """A page of tasks, the newest first."""
        limit = limit_of(request)
        found = await asyncio.to_thread(self._page, request, limit + 1)
        numbers = {item.task.id: item.number for item in found}
        items = [views.task_view(item) for item in found]
        return page_of(items, limit, lambda item: str(numbers[item["id"]]))

    async def show(self, request: web.Request) -> web.Response:
        """One task."""
        return answer(views.task_view(await asyncio.to_thread(self._find, request.match_info["task"])))

    async def cancel(self, request: web.Request) -> web.Response:
        """Somebody does not want it any more."""
        found = await asyncio.to_thread(self._cancel, request)
        self._lines.wake(found.task.target_id)
        return answer(views.task_view(found), status=status_of("cancel-task"))

    async def log(self, request: web.Request) -> web.Response:
        """What a task said, from a cursor on."""
        begin = number_of(request, "from", 0)
        return answer(views.log_view(await asyncio.to_thread(self._log, request.match_info["task"], begin)))

    def _submit(self, request: web.Request, content: bytes) -> list[tasks.Kept]:
        value, now = read_request(content, "TaskRequest"), datetime.now(UTC)
        document = value.get("document", "")
        told = f"{value['type']}, asked for with the key {value['idempotencyKey']}"
        about = ", ".join(str(item) for item in value["targets"].values())
        decided = decision(request, "task-submitted", about, told, document=document)
        with self._decisions.deciding(decided) as on:
            found = asked(value, agents.every(on), Actor("user", who(request)), now=now)
            return [self._add(on, item, now) for item in found]

    @staticmethod
    def _add(on: Connection, item: Asked, now: datetime) -> tasks.Kept:
        target = item.task.target_id
        if tasks.count_open(on, target) >= MOST_OPEN:
            raise TemporaryError(
                f"{MOST_OPEN} tasks of {target} are open already", hint="cancel some, or wait until they are done"
            )
        if tasks.with_key(on, target, item.task.idempotency_key) is not None:
            return tasks.add(on, item.task, now=now)
        kept = tasks.add(on, item.task, now=now)
        if item.sealed is not None:
            theirs, ours = item.sealed.binding.generation, kept.task.generation or 0
            if theirs != ours:
                raise RequestConflict(
                    f"the credentials for {target} are sealed for generation {theirs}, and {ours} comes next",
                    hint="seal them anew",
                )
            tasks.seal(on, kept.task.id, item.sealed)
        return kept

    def _page(self, request: web.Request, limit: int) -> list[tasks.Kept]:
        query = request.query
        state = query.get("state", "")
        if state and state not in RANKS:
            raise InputError(f"{state[:40]!r} is no state of a task", hint=f"one of {', '.join(RANKS)}")
        with self._database.read() as on:
            return tasks.page(
                on,
                target=query.get("target", ""),
                document=query.get("document", ""),
                state=state,
                before=number_of(request, "cursor", 0) or None,
                limit=limit,
            )

    def _find(self, task_id: str) -> tasks.Kept:
        with self._database.read() as on:
            return tasks.find(on, task_id)

    def _cancel(self, request: web.Request) -> tasks.Kept:
        task_id, now = request.match_info["task"], datetime.now(UTC)
        with self._database.read() as on:
            task = tasks.find(on, task_id).task
        decided = decision(
            request, "task-cancelled", task.target_id, task.type, document=task.document or "", task=task_id
        )
        with self._decisions.deciding(decided) as on:
            kept = tasks.find(on, task_id)
            if is_over(kept.record.state):
                raise RequestConflict(f"the task {task_id} is over already: it is {kept.record.state}")
            tasks.advance(on, kept, states.cancelled(kept.record), now=now)
            return tasks.find(on, task_id)

    def _log(self, task_id: str, begin: int) -> logs.Piece:
        with self._database.read() as on:
            tasks.find(on, task_id)
            return logs.read(on, task_id, begin=begin)
