"""Deploy and rollback tasks: a change of what is wished for, converged by the loop as every other.

    try the wish out ─► the loop prepares (pulls, verifies) ─► point of no return ─► the wish is taken ─► verdict
            └──────────── refused, late, unwanted, time up: the wish is given up, and nothing has changed

The answer is made of the loop's Verdict on this document. A release that failed and was taken back stays the wish,
quarantined, as it would in a file. Where the time is up after the point of no return, the former wish is put back,
and the loop goes back to it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.agent.credentials import NOTHING, Credentials, Opened
from reconciler.agent.documents import RemoteDocuments
from reconciler.agent.expectations import expect_container, expect_digest
from reconciler.agent.reports import observed, report_of_pass, running_release
from reconciler.agent.rollback_choice import revision_for
from reconciler.agent.work import Work, refused, too_long
from reconciler.controller.loop import Pass
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Journal
from reconciler.core.status import DocumentStatus
from reconciler.errors import ReconcilerError, StateError
from reconciler.inbox.store import InboxStore
from reconciler.inbox.wish import InlineFile, Wish
from reconciler.protocol.admission import CANCELLED, Admission, unexpected
from reconciler.protocol.message.common import Artifact
from reconciler.protocol.message.payload import DeployPayload, RollbackPayload
from reconciler.protocol.message.result import ObservedState
from reconciler.protocol.session.work import WorkReport, report_of
from reconciler.spec.artifacts import kept_artifacts

LOOK_S: Final = 1.0
BACK_S: Final = 300.0
"""How long the way back may take before the answer is that nobody knows."""


@dataclass(slots=True, kw_only=True)
class Deploy:
    """One that is under way. ``fingerprint``: of the document that is wished for, "" until it is in force."""

    work: Work
    fingerprint: str = ""
    taken: bool = False
    stopped: Admission | None = None
    passes: asyncio.Queue[Pass] = field(default_factory=asyncio.Queue)


@dataclass(frozen=True, slots=True)
class LoopSide:
    """The controller's loop: ``look`` at a document as it is now; ``queue`` one, to be looked at soon."""

    look: Callable[[str], DocumentStatus]
    queue: Callable[[str], None]


class Deploys:
    """Used in one event loop, but ``may_begin`` and ``passed``, which the loop's threads call."""

    def __init__(
        self,
        store: InboxStore,
        documents: RemoteDocuments,
        journal: Journal,
        *,
        credentials: Credentials,
        loop: LoopSide,
        fetch: Callable[[], None],
    ) -> None:
        self._store = store
        self._documents = documents
        self._journal = journal
        self._credentials = credentials
        self._look = loop.look
        self._queue = loop.queue
        self._fetch = fetch
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[str, Deploy] = {}

    # ---- the loop's side

    def may_begin(self, desired: DesiredState) -> bool:
        """Whether a release that is prepared may go past its point of no return. Blocks."""
        deploy = self._under_way.get(desired.name)
        if deploy is None or deploy.taken:
            return True
        if desired.fingerprint != deploy.fingerprint:
            return False
        return asyncio.run_coroutine_threadsafe(self._pass_no_return(deploy), self._loop).result()

    def passed(self, done: Pass) -> None:
        """The loop has ended a pass."""
        deploy = self._under_way.get(done.plan.document)
        if deploy is not None:
            self._loop.call_soon_threadsafe(deploy.passes.put_nowait, done)

    # ---- the tasks

    async def deploy(self, work: Work) -> WorkReport:
        """A task of type deploy."""
        task, payload = work.task, work.task.payload
        assert isinstance(payload, DeployPayload) and task.document  # noqa: S101, PT018  (its schema says so)
        opened, begun = await self._opened(work), self._begun(work)
        if begun is not None:
            return await self._with(opened, work, begun)
        expect_digest(payload, self._journal.record(task.document))
        document = await asyncio.to_thread(self._documents.completed, payload.document(task.document))
        former = self._documents.desired(task.document)
        document = await asyncio.to_thread(self._credentials.filled, document, opened.secrets, former)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        return await self._with(opened, work, self._wish(work, text, artifacts=payload.artifacts))

    async def rollback(self, work: Work) -> WorkReport:
        """A task of type rollback."""
        task, payload = work.task, work.task.payload
        assert isinstance(payload, RollbackPayload) and task.document  # noqa: S101, PT018  (its schema says so)
        opened, begun = await self._opened(work), self._begun(work)
        if opened.secrets:
            return refused("credentials", "a rollback takes no secrets: the release has those that it had")
        if begun is not None:
            return await self._with(opened, work, begun)
        desired = self._documents.desired(task.document)
        if desired is None:
            return refused("unknown-document", f"the orchestrator wishes for no document {task.document} here")
        expect_container(payload, desired)
        revision = revision_for(self._journal.record(task.document), desired.fingerprint, payload)
        document = dict(revision.desired.document)
        files = tuple(
            InlineFile(path=item.source, content=base64.b64encode(item.content).decode())
            for item in kept_artifacts(document)
        )
        document.pop("artifacts", None)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        return await self._with(opened, work, replace(self._wish(work, text), files=files))

    def _begun(self, work: Work) -> Wish | None:
        """What the task wished for before the agent was ended: its secrets are encrypted in it already."""
        found = self._store.wishes().get(work.task.document or "") if work.again else None
        return found if found is not None and found.task == work.task.id else None

    async def _opened(self, work: Work) -> Opened:
        """What the task brought. Once its wish is taken, all that it was for is here."""
        taken = await asyncio.to_thread(self._store.taken_by, work.task.id)
        return NOTHING if taken else await asyncio.to_thread(self._credentials.opened, work.task)

    async def _with(self, opened: Opened, work: Work, wish: Wish) -> WorkReport:
        with self._credentials.lent(opened, lambda: self._documents.desired(wish.document)):
            return await self._converge(work, wish)

    def _wish(self, work: Work, text: str, artifacts: tuple[Artifact, ...] = ()) -> Wish:
        task = work.task
        return Wish(
            document=task.document or "",
            generation=task.generation or 0,
            text=text,
            actor=task.actor,
            artifacts=artifacts,
            task=task.id,
        )

    async def _converge(self, work: Work, wish: Wish) -> WorkReport:
        name = wish.document
        wrong = unexpected(work.task, running_release(self._journal.record(name)))
        if wrong is not None and not work.again:
            return report_of(wrong)
        former = self._store.wishes(trials=False).get(name)
        deploy = Deploy(work=work, taken=former is not None and former.task == work.task.id)
        self._under_way[name] = deploy
        try:
            if not deploy.taken:
                await asyncio.to_thread(self._store.try_out, wish)
            report = await self._settled(deploy, wish, None if deploy.taken else former)
            return replace(report, logs=work.said, observed=await self._seen(work))
        finally:
            # As long as the wish is on trial the loop has to ask: it would begin what was just refused.
            if not deploy.taken:
                await asyncio.shield(asyncio.to_thread(self._give_up, work.task.id))
            self._under_way.pop(name, None)

    async def _settled(self, deploy: Deploy, wish: Wish, former: Wish | None) -> WorkReport:
        """The answer. Where it is one without effect, the wish is given up afterwards."""
        waiting = await self._shown(deploy, wish)
        if waiting is not None:
            return waiting
        self._queue(wish.document)
        while True:
            early = self._ended_early(deploy)
            if early is not None:
                return early
            if deploy.work.left == 0:
                return await self._time_is_up(deploy, wish, former)
            done = await _next(deploy.passes, min(LOOK_S, deploy.work.left))
            if done is None:
                continue
            await _tell(deploy.work, done)
            report = report_of_pass(done, deploy.fingerprint, taken=deploy.taken)
            if report is not None and (report.outcome != "succeeded" or await self._stays(deploy)):
                return report

    async def _stays(self, deploy: Deploy) -> bool:
        """Whether the wish is taken, also where there was nothing to begin for it: the loop would go back to the
        former one, if this one was given up.
        """
        if deploy.taken or await self._pass_no_return(deploy):
            return True
        self._queue(deploy.work.task.document or "")
        return False

    async def _seen(self, work: Work) -> ObservedState | None:
        """The host afterwards, as far as it can be seen."""
        try:
            status = await asyncio.to_thread(self._look, work.task.document or "")
        except ReconcilerError:
            return None  # what came of the work is known all the same
        return observed(status, work.task.generation)

    async def _shown(self, deploy: Deploy, wish: Wish) -> WorkReport | None:
        """Have the wish in force, with its files; or why that cannot be."""
        while True:
            missing = await asyncio.to_thread(self._documents.show)
            if self._documents.wanted_by(wish.document) == wish:
                break
            early = self._ended_early(deploy)
            if early is not None:
                return early
            if deploy.work.left == 0:
                return too_long(deploy.work.task)
            if missing:
                self._fetch()
            await asyncio.sleep(min(LOOK_S, deploy.work.left))
        refusal = await asyncio.to_thread(self._documents.refusal, wish.document)
        desired = self._documents.desired(wish.document)
        if refusal or desired is None:
            return refused("invalid-document", refusal or "it is for another target than this host")
        deploy.fingerprint = desired.fingerprint
        return None

    def _ended_early(self, deploy: Deploy) -> WorkReport | None:
        if deploy.taken:
            return None
        if deploy.stopped is not None:
            return report_of(deploy.stopped)
        return report_of(CANCELLED) if deploy.work.unwanted.is_set() else None

    async def _pass_no_return(self, deploy: Deploy) -> bool:
        """The session keeps it before the wish is taken, and both before anything is begun."""
        task = deploy.work.task
        try:
            stop = await deploy.work.talk.pass_no_return(task.id)
            if stop is not None and stop.retriable:
                self._loop.call_later(LOOK_S, self._queue, deploy.work.task.document or "")
                return False  # the server's time is not known yet: waited for, as before a task begins
            deploy.stopped = stop
            if stop is None:
                await asyncio.to_thread(self._store.take, task.id)
                deploy.taken = True
        except StateError:
            return False  # told where it was to be kept; the loop asks again
        return deploy.taken

    async def _time_is_up(self, deploy: Deploy, wish: Wish, former: Wish | None) -> WorkReport:
        """Before the point of no return nothing has changed; after it the loop goes back, or says how it ends."""
        if not deploy.taken:
            return too_long(deploy.work.task)
        if former is not None:
            await asyncio.to_thread(self._store.put_back, former, document=wish.document)
            await asyncio.to_thread(self._documents.show)
            back = self._documents.desired(wish.document)
            deploy.fingerprint = back.fingerprint if back else ""
            self._queue(wish.document)
        report = await self._last_word(deploy)
        if report is None:
            told = "its time was up in the midst of it, and how it ended is not known; have it inspected"
            return replace(too_long(deploy.work.task), outcome="unknown", error=told)
        if former is not None and report.outcome == "succeeded":
            told = f"{too_long(deploy.work.task).error}; the release before it runs again"
            return replace(report, outcome="rolled-back", error=told, error_type="timeout", retriable=True)
        return report

    async def _last_word(self, deploy: Deploy) -> WorkReport | None:
        until = self._loop.time() + BACK_S
        while (left := until - self._loop.time()) > 0:
            done = await _next(deploy.passes, left)
            report = done and report_of_pass(done, deploy.fingerprint, taken=True)
            if report:
                return report
        return None

    def _give_up(self, task: str) -> None:
        if self._store.give_up(task):
            self._documents.show()


async def _next(passes: asyncio.Queue[Pass], seconds: float) -> Pass | None:
    try:
        return await asyncio.wait_for(passes.get(), seconds)
    except TimeoutError:
        return None


async def _tell(work: Work, done: Pass) -> None:
    for outcome in done.outcomes:
        detail = f": {outcome.error or outcome.detail}" if outcome.error or outcome.detail else ""
        await work.say(f"{outcome.action.kind} {outcome.action.target}: {outcome.kind}{detail}")
    reason = f": {done.verdict.reason}" if done.verdict.reason else ""
    await work.say(f"verdict: {done.verdict.kind}{reason}")
