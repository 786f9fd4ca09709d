"""Deploy and rollback tasks: a change of what is wished for, converged by the loop as every other (``course``)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.agent.course import Course, Host
from reconciler.agent.credentials import NOTHING, Credentials, Opened
from reconciler.agent.expectations import expect_container, expect_digest
from reconciler.agent.reports import observed, running_release
from reconciler.agent.rollback_choice import revision_for
from reconciler.agent.work import Work, refused
from reconciler.controller.loop import Pass
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Journal
from reconciler.errors import ReconcilerError
from reconciler.inbox.wish import InlineFile, Wish
from reconciler.protocol.admission import unexpected
from reconciler.protocol.message.payload import DeployPayload, RollbackPayload
from reconciler.protocol.message.result import ObservedState
from reconciler.protocol.session.work import WorkReport, report_of
from reconciler.spec.artifacts import kept_artifacts


class Deploys:
    """Used in one event loop, but ``may_begin`` and ``passed``, which the loop's threads call."""

    def __init__(self, host: Host, journal: Journal, credentials: Credentials) -> None:
        self._host = host
        self._journal = journal
        self._credentials = credentials
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[str, Course] = {}

    # ---- the loop's side

    def may_begin(self, desired: DesiredState) -> bool:
        """Whether a release that is prepared may go past its point of no return. Blocks."""
        course = self._under_way.get(desired.name)
        if course is None or course.taken:
            return True
        if desired.fingerprint != course.fingerprint:
            return False
        return asyncio.run_coroutine_threadsafe(course.pass_no_return(), self._loop).result()

    def passed(self, done: Pass) -> None:
        """The loop has ended a pass."""
        course = self._under_way.get(done.plan.document)
        if course is not None:
            self._loop.call_soon_threadsafe(course.passes.put_nowait, done)

    # ---- the tasks

    async def deploy(self, work: Work) -> WorkReport:
        """A task of type deploy."""
        task, payload = work.task, work.task.payload
        assert isinstance(payload, DeployPayload) and task.document  # noqa: S101, PT018  (its schema says so)
        opened, begun = await self._opened(work), self._begun(work)
        if begun is not None:
            return await self._with(opened, work, begun)
        expect_digest(payload, self._journal.record(task.document))
        documents = self._host.documents
        document = await asyncio.to_thread(documents.completed, payload.document(task.document))
        former = documents.desired(task.document)
        document = await asyncio.to_thread(self._credentials.filled, document, opened.secrets, former)
        return await self._with(opened, work, replace(_wish(work, document), artifacts=payload.artifacts))

    async def rollback(self, work: Work) -> WorkReport:
        """A task of type rollback."""
        task, payload = work.task, work.task.payload
        assert isinstance(payload, RollbackPayload) and task.document  # noqa: S101, PT018  (its schema says so)
        opened, begun = await self._opened(work), self._begun(work)
        if opened.secrets:
            return refused("credentials", "a rollback takes no secrets: the release has those that it had")
        if begun is not None:
            return await self._with(opened, work, begun)
        desired = self._host.documents.desired(task.document)
        if desired is None:
            return refused("unknown-document", f"the orchestrator wishes for no document {task.document} here")
        expect_container(payload, desired)
        revision = revision_for(self._journal.record(task.document), desired.fingerprint, payload)
        document = dict(revision.desired.document)
        files = _files(document)
        document.pop("artifacts", None)
        return await self._with(opened, work, replace(_wish(work, document), files=files))

    def _begun(self, work: Work) -> Wish | None:
        """What the task wished for before the agent was ended: its secrets are encrypted in it already."""
        found = self._host.store.wishes().get(work.task.document or "") if work.again else None
        return found if found is not None and found.task == work.task.id else None

    async def _opened(self, work: Work) -> Opened:
        """What the task brought. Once its wish is taken, all that it was for is here."""
        taken = await asyncio.to_thread(self._host.store.taken_by, work.task.id)
        return NOTHING if taken else await asyncio.to_thread(self._credentials.opened, work.task)

    async def _with(self, opened: Opened, work: Work, wish: Wish) -> WorkReport:
        with self._credentials.lent(opened, lambda: self._host.documents.desired(wish.document)):
            return await self._converge(work, wish)

    async def _converge(self, work: Work, wish: Wish) -> WorkReport:
        name = wish.document
        wrong = unexpected(work.task, running_release(self._journal.record(name)))
        if wrong is not None and not work.again:
            return report_of(wrong)
        course = self._under_way[name] = Course(self._host, work, wish)
        try:
            await course.try_out()
            report = await course.settled()
            return replace(report, logs=work.said, observed=await self._seen(work))
        finally:
            # As long as the wish is on trial the loop has to ask: it would begin what was just refused.
            await course.give_up()
            self._under_way.pop(name, None)

    async def _seen(self, work: Work) -> ObservedState | None:
        """The host afterwards, as far as it can be seen."""
        try:
            status = await asyncio.to_thread(self._host.loop.look, work.task.document or "")
        except ReconcilerError:
            return None  # what came of the work is known all the same
        return observed(status, work.task.generation)


def _wish(work: Work, document: Mapping[str, Any]) -> Wish:
    task = work.task
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return Wish(
        document=task.document or "", generation=task.generation or 0, text=text, actor=task.actor, task=task.id
    )


def _files(document: Mapping[str, Any]) -> tuple[InlineFile, ...]:
    """The artifacts that a release was kept with."""
    return tuple(
        InlineFile(path=item.source, content=base64.b64encode(item.content).decode())
        for item in kept_artifacts(document)
    )
