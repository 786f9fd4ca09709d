"""Command tasks: a command that the agent's policy names, in a container of the document or a throw-away one.

    find where ─► in the audit log ─► begin, tell what it says ─► its end, or have it ended ─► nothing is left over

There is no shell and no text of the sender's but the arguments that the policy lets be added. Whoever begins a
command can end it: where that is not so, it is not begun. It is ended when its time is up or nobody wants it any
more. What a kill of the agent leaves over is ended after its next start, and what an engine that went away leaves
over when it is back; the answer then is that nobody knows how far it came.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from reconciler.agent.command_choice import chosen_service, image_of, serving
from reconciler.agent.command_places import MARK, CommandPlace, InContainer, InSandbox, leftovers, remove
from reconciler.agent.processes import Processes
from reconciler.agent.reports import running_release
from reconciler.agent.telling import Telling
from reconciler.agent.work import TIMEOUT, Ended, Work, account_of, expect, in_time, refused
from reconciler.controller.app import Parts
from reconciler.controller.troubles import Troubles
from reconciler.core import names
from reconciler.core.audit import Deed
from reconciler.engine.commands import Saying
from reconciler.errors import EngineUnavailable, ReconcilerError
from reconciler.executors.discretion import DeliveredSecrets
from reconciler.protocol.agent_policy import AgentPolicy, NamedCommand
from reconciler.protocol.message.payload import ExecuteCommandPayload
from reconciler.protocol.session.work import WorkReport

LOOK_S: Final = 0.2
LAST_WORDS_S: Final = 2.0
"""How long what was said last is waited for after the end."""

CLEAR_AGAIN_S: Final = 10.0
LEFT_OVER: Final = "what is left over of commands could not be ended"

log = structlog.get_logger("reconciler")


class Commands:
    """``parts`` are those of this host's controller."""

    def __init__(self, parts: Parts, policy: AgentPolicy, processes: Processes | None = None) -> None:
        self._parts = parts
        self._policy = policy
        self._processes = processes or Processes()
        self._secrets = DeliveredSecrets(parts.deliveries, parts.history)
        self._at_work: set[str] = set()
        self._not_ended: set[str] = set()
        self._left_over = asyncio.Event()

    async def execute(self, work: Work) -> WorkReport:
        """A task of type execute-command."""
        payload = work.task.payload
        assert isinstance(payload, ExecuteCommandPayload)  # noqa: S101  (its schema says so)
        command = self._policy.commands.get(payload.command)
        if command is None:
            raise Ended(refused("policy", f"no command {payload.command} is named in the agent's policy"))
        self._at_work.add(work.task.id)
        try:
            place = await in_time(work, asyncio.to_thread(self._place, work, payload, command))
            return await self._carried_out(work, payload, place)
        finally:
            self._at_work.discard(work.task.id)
            if work.task.id in self._not_ended:
                self._not_ended.discard(work.task.id)
                self._left_over.set()

    async def keep_clear(self) -> None:
        """For ever: end what the last run has left over, and what could not be ended; again until it is done."""
        troubles = Troubles()
        while True:
            self._left_over.clear()
            try:
                await asyncio.to_thread(self._clear)
            except ReconcilerError as error:
                troubles.begins(LEFT_OVER, error)
                await asyncio.sleep(CLEAR_AGAIN_S)
            else:
                troubles.ends(LEFT_OVER, told="nothing is left over of commands")
                await self._left_over.wait()

    # ---- where

    def _place(self, work: Work, payload: ExecuteCommandPayload, command: NamedCommand) -> CommandPlace:
        name, argv = work.task.document or "", (*command.argv, *payload.arguments)
        record = self._parts.history.record(name)
        expect(work.task, running_release(record))
        if record.committed_revision is None:
            raise Ended(refused("nothing-runs", f"no release of {name} is deployed here"))
        desired = record.committed_revision.desired
        service = chosen_service(desired, payload.service or "")
        rows = self._parts.engine.list_containers
        if command.place == "sandbox":
            beside = serving(rows(), desired, record, service).id if command.network == "container" else ""
            return InSandbox(
                engine=self._parts.engine,
                container=names.command_name(name, work.task.id),
                image=image_of(desired, service),
                argv=argv,
                labels=names.command_labels(work.task.id, owner=self._parts.history.owner),
                beside=beside,
            )
        row = serving(rows(), desired, record, service)
        found = self._parts.engine.inspect_container(row.id)
        place = InContainer(
            engine=self._parts.engine,
            processes=self._processes,
            container_id=row.id,
            container=row.name,
            argv=argv,
            mark=f"{self._parts.history.owner}/{work.task.id}",
            environment=(found.config.environment if found else None) or {},
        )
        if not place.can_be_ended:
            told = f"a command in {row.name} could not be ended from here, so it is not begun"
            raise Ended(refused("cannot-end", f"{told}; the agent has to see the processes of the engine's host"))
        return place

    # ---- the work

    async def _carried_out(self, work: Work, payload: ExecuteCommandPayload, place: CommandPlace) -> WorkReport:
        """In the audit log before it is begun, and with what came of it."""
        told = f"the command {payload.command} with {len(payload.arguments)} arguments of the task"
        deed = Deed(
            document=work.task.document or "",
            action="execute-command",
            target=place.container,
            cause=told,
            account=account_of(work.task),
        )
        number = await asyncio.to_thread(self._parts.audit.intent, deed)
        try:
            report = await self._run(work, place)
        except ReconcilerError as error:
            await asyncio.to_thread(self._noted, number, deed, "failed", str(error))
            raise
        kind = {"succeeded": "done", "unknown": "unknown"}.get(report.outcome, "failed")
        await asyncio.to_thread(self._noted, number, deed, kind, report.error)
        return report

    async def _run(self, work: Work, place: CommandPlace) -> WorkReport:
        """Raises what the engine says of a command that was not begun."""
        words = await asyncio.to_thread(self._secrets.words, work.task.document or "")
        telling = Telling(place.environment, words)
        try:
            saying = await asyncio.to_thread(place.begin)
        except EngineUnavailable as error:  # it may have been begun
            await self._ended(work, place)
            return _nobody_knows(work, str(error))
        except ReconcilerError:
            await self._ended(work, place)
            raise
        hearing = asyncio.ensure_future(asyncio.to_thread(_hear, saying, telling))
        code, why, whole = None, "", False
        try:
            code = await self._end_of(work, place, telling)
            heard, _ = await asyncio.wait({hearing}, timeout=0 if code is None else LAST_WORDS_S)
            whole = code is not None and bool(heard)
        except EngineUnavailable as error:
            why = str(error)
        finally:
            # Also when the agent ends now: what is not ended here is ended after its start.
            ended = await asyncio.shield(self._ended(work, place))
            await asyncio.wait({hearing}, timeout=LAST_WORDS_S)
            saying.close()
            await asyncio.gather(hearing, return_exceptions=True)
        telling.end(whole=whole)
        await _say(work, telling)
        return _nobody_knows(work, why) if why else _report(work, place, telling, code=code, ended=ended)

    async def _end_of(self, work: Work, place: CommandPlace, telling: Telling) -> int | None:
        """Its exit code; None where it has to be ended."""
        while True:
            await _say(work, telling)
            code = await asyncio.to_thread(place.exit_code)
            if code is not None:
                return code
            if work.unwanted.is_set() or work.left == 0:
                return None
            await asyncio.sleep(min(LOOK_S, work.left))

    # ---- afterwards

    async def _ended(self, work: Work, place: CommandPlace) -> bool:
        """Whether nothing of it is left. What is goes as soon as that is possible."""
        ended = await asyncio.to_thread(place.end)
        if not ended:
            self._not_ended.add(work.task.id)
        return ended

    def _noted(self, number: int, deed: Deed, outcome: str, detail: str) -> None:
        self._parts.audit.outcome(number, deed, outcome=outcome, detail=detail)

    def _clear(self) -> None:
        """What is at work is not left over. Raises EngineUnavailable where something stays."""
        owner, engine = self._parts.history.owner, self._parts.engine
        for container, task in leftovers(engine, owner).items():
            if task not in self._at_work and not remove(engine, container):
                raise EngineUnavailable(f"the container {container[:12]} of the task {task} could not be removed")
        for mark in self._processes.marks(f"{MARK}={owner}/"):
            task = mark.rpartition("/")[2]
            if task not in self._at_work and not self._processes.end(mark, within_s=CLEAR_AGAIN_S):
                raise EngineUnavailable(f"a process of the task {task} does not end")


def _hear(saying: Saying, telling: Telling) -> None:
    for piece in saying:
        telling.take(piece)


async def _say(work: Work, telling: Telling) -> None:
    text = telling.drain()
    if text:
        await work.say(text)


def _report(work: Work, place: CommandPlace, telling: Telling, *, code: int | None, ended: bool) -> WorkReport:
    outputs = {"container": place.container, "saidBytes": telling.heard, "cut": telling.cut}
    if code is None:
        return _cut_off(work, outputs, ended=ended)
    outputs["exitCode"] = code
    if code == 0:
        return WorkReport(outcome="succeeded", outputs=outputs, logs=work.said)
    told = f"the command ended with exit code {code}"
    return WorkReport(outcome="failed", outputs=outputs, error=told, error_type="exit-code", logs=work.said)


def _nobody_knows(work: Work, why: str) -> WorkReport:
    return WorkReport(outcome="unknown", error=why, error_type="interrupted", logs=work.said)


def _cut_off(work: Work, outputs: dict[str, object], *, ended: bool) -> WorkReport:
    """Its time was up, or nobody wants it any more."""
    if not ended:
        return _nobody_knows(work, "the command could not be ended; look at the host")
    if work.unwanted.is_set():
        told = "it was cancelled, and ended while it ran; what it did until then stays"
        return WorkReport(outcome="cancelled", outputs=outputs, error=told, error_type="cancelled", logs=work.said)
    told = f"it was ended after {work.task.timeout_seconds} s; what it did until then stays"
    return WorkReport(outcome="failed", outputs=outputs, error=told, error_type=TIMEOUT, logs=work.said)
