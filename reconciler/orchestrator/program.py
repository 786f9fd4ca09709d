"""The orchestrator as a program: its parts put together, and what it does by itself while it runs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web

from reconciler.errors import AccessRefused, ReconcilerError
from reconciler.orchestrator.admin_endpoints import AdminEndpoints
from reconciler.orchestrator.agent_endpoints import AgentEndpoints
from reconciler.orchestrator.artifact_endpoints import ArtifactEndpoints
from reconciler.orchestrator.clerk import Clerk
from reconciler.orchestrator.decisions import Decisions
from reconciler.orchestrator.denied import DeniedList
from reconciler.orchestrator.document_changes import DocumentChanges
from reconciler.orchestrator.document_endpoints import DocumentEndpoints
from reconciler.orchestrator.enrolment import Desk
from reconciler.orchestrator.group_commit import GroupCommit
from reconciler.orchestrator.handing_out import HandingOut
from reconciler.orchestrator.home import SERVER, Home, Reached
from reconciler.orchestrator.last_heard import LastHeard
from reconciler.orchestrator.line import LineSettings
from reconciler.orchestrator.lines import Lines
from reconciler.orchestrator.listeners import listener
from reconciler.orchestrator.meters import Meters, OwnEnd
from reconciler.orchestrator.monitor import Monitor, MonitorSettings
from reconciler.orchestrator.pages.opening import PageSettings
from reconciler.orchestrator.pages.reading import Sources
from reconciler.orchestrator.problems import problem_of, told
from reconciler.orchestrator.rollout_endpoints import RolloutEndpoints
from reconciler.orchestrator.routing import add_routes
from reconciler.orchestrator.store import tasks
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.stream import Stream
from reconciler.orchestrator.task_endpoints import TaskEndpoints
from reconciler.orchestrator.upkeep import Upkeep
from reconciler.protocol.reconnect import SessionGate, spread_for
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.tls.admission import Peer
from reconciler.tls.certificates import LEAF_LIFE
from reconciler.tls.connections import Connections, Limits
from reconciler.tls.contexts import ServerContext
from reconciler.tls.guard import guarded
from reconciler.tls.passport import Passport
from reconciler.tls.peer import peer_of

BOUND_S: Final = 30.0
STOPS: Final = "the orchestrator stops"
ROOTS_LOOK_S: Final = 2.0
"""How long a step of a rotation may go unseen: whoever renews after it has to be let in."""

RENEW_EVERY: Final = 0.5
"""Of the server's own certificate's life."""

log = structlog.get_logger("reconciler.orchestrator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``interval_s`` between heartbeats; ``life`` of certificates; ``bound_s``: how soon one is cut off.
    ``documents``: their folder; None is that of the home. ``monitor``: where metrics, health and the status page
    are served; ``page``: who may see it.
    """

    interval_s: int = 30
    life: timedelta = LEAF_LIFE
    bound_s: float = BOUND_S
    gate: SessionGate | None = None
    documents: Path | None = None
    monitor: tuple[str, int] = ("127.0.0.1", 0)
    page: PageSettings = field(default_factory=PageSettings)


class Orchestrator:
    """One running orchestrator. ``home`` is its folder, which this process has to itself."""

    def __init__(self, home: Home, reached: Reached, database: Database, options: Options) -> None:
        self.home = home
        self.database = database
        self.clerk = Clerk(database)
        self.decisions = Decisions(home, database)
        self.decisions.audit.take_over()
        self._reached = reached
        self._options = options
        self.meters = Meters(database, self._own_ends)
        self.upkeep = Upkeep(database, self._ended_by_time)
        self.heard = LastHeard(database)
        self.commits = GroupCommit(database)
        settings = LineSettings(
            interval_s=options.interval_s,
            spread=self._spread,
            key=home.key,
            commits=self.commits,
            heard=self.heard,
            ended=self.meters.ended,
            relabelled=self._relabelled,
            reported=self._reported,
        )
        self.lines = Lines(database, settings, options.gate)
        self.connections = Connections(
            DeniedList(database).now,
            Limits(bound_s=options.bound_s),
            spread=random.random,
            on_cut=self._cut,
            on_trouble=_trouble,
        )
        self.handing_out = HandingOut(
            options.documents or home.desired, database, self.lines, key=home.key, clerk=self.clerk
        )
        desk = Desk(home, database, self.decisions, life=options.life, joined=self.handing_out.ask)
        passport = self._own = self._passport()
        self.monitor = self._monitor(passport)
        self._member_context = ServerContext(passport)
        self._enroll_context = ServerContext(passport, clients=False)
        self.members = listener(self._app(desk), reached.listen, self._member_context)
        self.enrolment = listener(desk.enrolment(), reached.enroll, self._enroll_context)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Orchestrator]:
        """Listening, and doing what is due, until the block ends."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.clerk.finish)
            stack.push_async_callback(self.heard.finish)
            stack.push_async_callback(self.commits.finish)
            for reached in (self.members, self.enrolment, self.monitor):
                await reached.start()
                stack.push_async_callback(reached.stop)
            stack.push_async_callback(self.connections.end_all, STOPS)
            for work in self._works():
                task = asyncio.create_task(work)
                task.add_done_callback(self._part_ended)
                stack.push_async_callback(_ended, task)
            yield self

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("a part of the orchestrator has ended", exc_info=task.exception())
            self.upkeep.died(type(task.exception()).__name__)

    def _monitor(self, passport: Passport) -> Monitor:
        options = self._options
        settings = MonitorSettings(
            address=options.monitor, names=self._reached.names, roots=passport.roots, page=options.page
        )
        sources = Sources(
            database=self.database,
            carriers=lambda: self.lines.carriers,
            wishes=lambda: self.handing_out.wishes,
            trouble=lambda: self.upkeep.ready()[1],
            clock=time.monotonic,
        )
        return Monitor(settings, sources, self.meters, self.upkeep, self.connections)

    def _works(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return (
            self.connections.watch(),
            self.clerk.work(),
            self.heard.work(),
            self.handing_out.watch(),
            self.handing_out.work(),
            self.upkeep.work(),
            self._renew_own(),
        )

    def _app(self, desk: Desk) -> web.Application:
        app = web.Application(
            middlewares=[guarded(self.connections, self._refuse), told], client_max_size=DEFAULT.message_bytes
        )
        admin = AdminEndpoints(
            self.home, self.database, self.lines, decisions=self.decisions, changed=self.handing_out.ask
        )
        tasks = TaskEndpoints(self.database, self.lines, self.decisions)
        documents = DocumentEndpoints(self.database, lambda: self.handing_out.wishes)
        changes = DocumentChanges(self.database, self.decisions, self.handing_out)
        files = ArtifactEndpoints(self.database, self.decisions)
        agents_own = (AgentEndpoints(self.lines), Stream(self.lines), desk)
        rolling = RolloutEndpoints(self.decisions, self.handing_out)
        for endpoints in (*agents_own, admin, tasks, documents, changes, rolling, files):
            add_routes(app.router, endpoints.handlers)
        return app

    def _refuse(self, request: web.Request, error: AccessRefused) -> web.Response:
        self.clerk.note(_who(request), "refused", request.path, error.message)
        return problem_of(error).response()

    def _cut(self, peer: Peer, reason: str) -> None:
        if reason != STOPS:
            self.clerk.note(str(peer.member), "cut-off", peer.member.name, reason)

    def _ended_by_time(self, kept: tasks.Kept, now: datetime) -> None:
        self.meters.ended(kept, now)
        self.lines.wake(kept.task.target_id)

    def _relabelled(self) -> None:
        self.handing_out.ask()

    def _reported(self) -> None:
        self.handing_out.reported()

    def _spread(self) -> int:
        return spread_for(self.upkeep.members)

    def _passport(self) -> Passport:
        now = datetime.now(UTC)
        authority = self.home.authority.authority()
        return authority.passport(SERVER, names=self._reached.names, now=now, life=self._options.life)

    def _own_ends(self) -> tuple[OwnEnd, ...]:
        authority = self.home.authority.authority()
        return (
            OwnEnd("server", self._own.ends),
            OwnEnd("issuing", authority.issuing.certificate.not_valid_after_utc),
            OwnEnd("root", authority.root.not_valid_after_utc),
        )

    async def _renew_own(self) -> None:
        """The server's certificate, and whom it trusts: a new root counts from the next connection on."""
        clock = asyncio.get_running_loop().time
        due, roots = clock(), ""
        while True:
            try:
                now = await asyncio.to_thread(self._roots)
                if clock() >= due or now != roots:
                    passport = await asyncio.to_thread(self._passport)
                    self._own, roots = passport, now
                    self._member_context.use(passport)
                    self._enroll_context.use(passport)
                    due = clock() + self._options.life.total_seconds() * RENEW_EVERY
                self.monitor.trust(self._own.roots)
            except ReconcilerError as error:
                log.warning("the server's certificate could not be renewed", error=str(error))
            await asyncio.sleep(min(ROOTS_LOOK_S, max(0.01, due - clock())))

    def _roots(self) -> str:
        """Which roots are trusted, and which of them signs."""
        roots = self.home.authority.roots()
        return f"{roots.signing} {roots.trusted}"


def _who(request: web.Request) -> str:
    try:
        peer: Peer = peer_of(request)
    except AccessRefused:
        return "somebody"
    return str(peer.member)


def _trouble(error: ReconcilerError) -> None:
    log.warning("who is denied could not be read", error=str(error))


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
