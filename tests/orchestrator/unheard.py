"""An orchestrator that does not listen, and does nothing by itself; agents are words that its lines are handed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from reconciler.core.member import Member, Role
from reconciler.orchestrator.home import Home, Reached
from reconciler.orchestrator.line import Line
from reconciler.orchestrator.lines import moment
from reconciler.orchestrator.program import Options, Orchestrator
from reconciler.orchestrator.store import agents, tasks
from reconciler.orchestrator.store.database import Database
from reconciler.protocol.message.common import NOTHING_HELD, Message
from reconciler.protocol.message.result import LogChunk, TaskMetrics, TaskResult
from reconciler.protocol.message.session import DocumentReport, Heartbeat, Hello, TaskReport
from reconciler.protocol.reconnect import SessionGate
from reconciler.protocol.session.events import Step
from reconciler.protocol.wire.codec import API_VERSION
from reconciler.protocol.wire.times import Moment
from reconciler.tls.admission import Peer
from tests.orchestrator.fleet import ADMIN
from tests.protocol.makers import task as make_task
from tests.protocol.makers import uid

BEGAN = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Asked:
    """What was asked of databases: statements by their first words, and transactions by how they begin."""

    statements: Counter[str] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> tuple[int, int, int]:
        """Statements, transactions that only read, transactions that write."""
        writing = self.transactions["BEGIN IMMEDIATE"]
        return self.statements.total(), self.transactions.total() - writing, writing


@contextmanager
def counted() -> Iterator[Asked]:
    """What is asked of any database by this process, while the block lasts."""
    found = Asked()

    def asked(_on: Any, _cursor: Any, statement: str, *_: Any) -> None:
        about = found.transactions if statement.startswith("BEGIN") else found.statements
        about[" ".join(statement.split()[:3])] += 1

    event.listen(Engine, "before_cursor_execute", asked)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", asked)


class Voice:
    """One agent's words."""

    def __init__(self, server: Orchestrator, name: str) -> None:
        self.name = name
        self.server = server
        self.session = ""
        self._numbers = count(1)
        self._peer = Peer(
            member=Member(Role.AGENT, name), serial=1, begins=BEGAN, ends=BEGAN + timedelta(days=1), issuer="ca"
        )

    @property
    def line(self) -> Line:
        return self.server.lines.of(self.name)

    async def say(self, message: Message, now: Moment | None = None, transport: object = "polling") -> Step:
        """What is answered, when that may be."""
        answer = await self.line.hear(message, now or moment(), transport=transport, push=False, peer=self._peer)
        return await self.line.ready(answer)

    async def hello(self, **changes: Any) -> Step:
        said: dict[str, Any] = {
            "agent": self.name,
            "instance": uid(1),
            "versions": (API_VERSION,),
            "understands": (),
            "agent_version": "1.0",
            "targets": (self.name,),
            "labels": {},
            "task_types": ("inspect",),
            "set": NOTHING_HELD,
            "sent_at": BEGAN,
        }
        step = await self.say(Hello(**{**said, **changes}))
        self.session = getattr(step.messages[0], "session", "")
        return step

    def beat(self, *documents: DocumentReport, reports: tuple[TaskReport, ...] = ()) -> Heartbeat:
        return Heartbeat(
            session=self.session,
            agent=self.name,
            number=next(self._numbers),
            sent_at=BEGAN,
            set=NOTHING_HELD,
            resync=False,
            documents=documents,
            tasks=reports,
            free_places=4,
        )

    def result(self, number: int) -> TaskResult:
        """Of the task with this number: it went well."""
        return TaskResult(
            task_id=uid(number),
            idempotency_key=f"key-{number}",
            attempt=1,
            agent=self.name,
            success=True,
            outcome="succeeded",
            started_at=BEGAN,
            completed_at=BEGAN,
            logs="",
            metrics=TaskMetrics(),
        )

    def piece(self, task: int, number: int, text: str) -> LogChunk:
        """Of the log of the task with this number."""
        return LogChunk(
            session=self.session,
            task_id=uid(task),
            attempt=1,
            number=number,
            dropped_chunks=0,
            text=text,
            last=False,
        )

    def ask_for(self, *numbers: int) -> None:
        """Tasks, by these numbers."""
        with self.server.database.write() as on:
            for number in numbers:
                wanted = make_task(number, "inspect", target_id=self.name, expires_at=BEGAN + timedelta(hours=1))
                tasks.add(on, wanted, now=BEGAN)
        self.server.lines.wake(self.name)


def join(server: Orchestrator, *names: str) -> list[Voice]:
    """Agents that have joined."""
    papers = agents.Papers(sealing_key="a2V5", certificate_ends=BEGAN + timedelta(days=1))
    with server.database.write() as on:
        for name in names:
            agents.enrolled(on, name, papers, labels={}, now=BEGAN)
    return [Voice(server, name) for name in names]


@asynccontextmanager
async def unheard(folder: Path) -> AsyncIterator[Orchestrator]:
    """One that is new."""
    home = Home(folder / "home")
    reached = Reached(names=("127.0.0.1",), listen="127.0.0.1:0", enroll="127.0.0.1:0")
    home.create(reached, ADMIN, now=datetime.now(UTC))
    database = Database(home.database)
    try:
        yield Orchestrator(home, reached, database, Options(gate=SessionGate(burst=1_000)))
    finally:
        database.close()
