"""Composition root of the agent: the controller, and beside it the talk with the orchestrator.

What goes wrong in the talk never ends the controller: the host goes on alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

import structlog

from reconciler import __version__
from reconciler.agent.artifacts import Artifacts
from reconciler.agent.commands import Commands
from reconciler.agent.connection import Connection
from reconciler.agent.contents import Contents
from reconciler.agent.course import Host, LoopSide
from reconciler.agent.credentials import Credentials
from reconciler.agent.deploys import Deploys
from reconciler.agent.documents import RemoteDocuments
from reconciler.agent.keeper import Keeper
from reconciler.agent.looks import Looks
from reconciler.agent.place import AgentPlace
from reconciler.agent.policy import read_agent_policy
from reconciler.agent.renewal import Passports
from reconciler.agent.signing import trusted, verifier
from reconciler.agent.talk import Talk
from reconciler.agent.uploads import Uploads
from reconciler.agent.work import Handler, Workshop, within_its_time
from reconciler.config import Settings
from reconciler.controller.app.parts import Parts
from reconciler.controller.app.program import run as run_controller
from reconciler.controller.beside import Beside
from reconciler.controller.controller import Controller
from reconciler.controller.loop import Pass
from reconciler.core.desired import DesiredState
from reconciler.credentials.identities import Identities
from reconciler.errors import ReconcilerError, StateError
from reconciler.inbox.store import InboxStore
from reconciler.protocol.admission import Identity
from reconciler.protocol.message.common import TaskType
from reconciler.protocol.session.agent import AgentSession, AgentSettings
from reconciler.protocol.session.desk import DeskSettings
from reconciler.sources.remote import is_remote

log = structlog.get_logger("reconciler")


def serve(settings: Settings) -> None:
    """Run the agent in an event loop of its own. Raises InputError for a host that is not enrolled."""
    asyncio.run(Agent(settings).run())


class Agent:
    """One run of the program."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = AgentPlace(settings.state_dir / "fleet")
        self._enrolment = self._place.enrolment()
        self._word = read_agent_policy(
            settings.agent_policy,
            needed=settings.agent_policy_needed,
            places=(*settings.own_places, settings.desired, settings.policy),
        )
        self._place.make()
        self._store = InboxStore(self._place.inbox)
        self._deploys: Deploys | None = None

    async def run(self) -> None:
        """Until the controller is told to stop. Raises what it raises."""
        beside = Beside(passed=self._passed, may_begin=self._may_begin, actor=self._actor, task=self._task)
        try:
            await run_controller(self._settings, neighbour=self._beside, beside=beside)
        finally:
            self._store.close()

    async def _beside(self, parts: Parts, controller: Controller) -> None:
        try:
            await self._talk_beside(parts, controller)
        except ReconcilerError as error:
            log.warning("there is no talk with the orchestrator; this host goes on alone", error=str(error))
        except Exception:
            log.exception("the talk with the orchestrator ended in a bug; this host goes on alone")

    async def _talk_beside(self, parts: Parts, controller: Controller) -> None:
        """All that the talk needs, and the talk."""
        self._forget_trials()
        passports = Passports(self._place, self._enrolment, lambda: talk.end("the certificate was renewed"))
        contents = Contents(self._enrolment, passports)
        documents = self._documents(parts, controller)
        keeper = Keeper(contents, documents, store=self._store, most=self._word.policy.artifact_bytes)
        looks, commands = Looks(parts), Commands(parts, self._word.policy)
        uploads = Uploads(
            contents, parts.audit, self._word.policy, waiting=self._place.path, running=looks.running
        )
        loop = LoopSide(looks.status, controller.wake)
        host = Host(store=self._store, documents=documents, loop=loop, fetch=keeper.changed)
        self._deploys = Deploys(host, parts.history, self._credentials(parts))
        workshop = Workshop(_handlers(self._deploys, looks, uploads, commands), keeper.changed)
        talk = workshop.talk = keeper.talk = Talk(self._store, self._session, workshop)
        connection = Connection(self._enrolment, passports, talk, sockets=not self._settings.polling)
        await talk.begin()
        talking = (talk.keep_time, connection.keep, passports.keep_renewing)
        jobs = (*talking, keeper.keep, keeper.collect, commands.keep_clear)
        try:
            await _for_ever(*(job() for job in jobs), keeper.tell(controller.lookout.board))
        finally:
            await workshop.close()
            with suppress(StateError):  # told where it was to be kept; what waits only comes again
                await talk.close()

    def _documents(self, parts: Parts, controller: Controller) -> RemoteDocuments:
        loop = asyncio.get_running_loop()

        def wake(name: str) -> None:
            loop.call_soon_threadsafe(controller.wake, name)

        place, catalogue = self._place, parts.assessor.catalogue
        artifacts = Artifacts(place.artifacts)
        return RemoteDocuments(place.documents, artifacts, store=self._store, catalogue=catalogue, changed=wake)

    def _credentials(self, parts: Parts) -> Credentials:
        return Credentials(self._place, Identities(self._settings.identity), parts.engine.lending)

    def _session(self) -> AgentSession:
        memory = self._store.memory()
        keys = trusted(self._enrolment.task_keys, self._word.keys)
        desk = DeskSettings(
            identity=Identity(agent=self._enrolment.agent),
            verify=verifier(keys),
            policy=self._word.with_keys(known=bool(keys.ids)),
        )
        settings = AgentSettings(desk=desk, instance=memory.instance, agent_version=__version__)
        return AgentSession(settings, held=memory.held, kept=memory.kept)

    def _forget_trials(self) -> None:
        """Wishes of tasks that are not at work any more."""
        at_work = {entry.task.id for entry in self._store.memory().kept.entries if not entry.over}
        for wish in self._store.wishes().values():
            if wish.task and wish.task not in at_work:
                self._store.give_up(wish.task)

    # ---- asked and told by the loop, in its threads

    def _passed(self, done: Pass) -> None:
        if self._deploys is not None:
            self._deploys.passed(done)

    def _may_begin(self, desired: DesiredState) -> bool:
        """Before the talk has begun, what is on trial has to wait for it."""
        if not is_remote(desired):
            return True
        if self._deploys is not None:
            return self._deploys.may_begin(desired)
        return not self._store.on_trial(desired.name)

    def _actor(self, desired: DesiredState) -> str:
        wish = self._store.wishes().get(desired.name) if is_remote(desired) else None
        return f"agent:{wish.actor.id}" if wish else ""

    def _task(self, desired: DesiredState) -> str:
        wish = self._store.wishes().get(desired.name) if is_remote(desired) else None
        return wish.task if wish else ""


async def _for_ever(*jobs: Coroutine[Any, Any, None]) -> None:
    """All of them, until one fails or all are ended."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(job)


def _handlers(deploys: Deploys, looks: Looks, uploads: Uploads, commands: Commands) -> Mapping[TaskType, Handler]:
    return {
        "deploy": deploys.deploy,
        "rollback": deploys.rollback,
        "health-check": within_its_time(looks.health_check),
        "inspect": within_its_time(looks.inspect),
        "read-sticker": within_its_time(looks.read_sticker),
        "execute-command": commands.execute,
        "upload-files": uploads.upload,
        "write-sticker": looks.write_sticker,
    }
