"""One agent and one orchestrator with a bad link between them, in memory and without waiting.

Both keep what events ask them to keep, as JSON, and nothing else: an agent that is started anew has that alone.
The link carries bytes. Over it messages are lost, doubled, reordered and cut off. What must hold at every moment
is asserted where it happens.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from reconciler.protocol import states
from reconciler.protocol.admission import Identity
from reconciler.protocol.agent_policy import AgentPolicy, NamedCommand
from reconciler.protocol.assignment_log import AssignmentLog, Budget
from reconciler.protocol.fence import Fence
from reconciler.protocol.held import Held
from reconciler.protocol.inbox import entry_value, read_entry
from reconciler.protocol.logs import LogCursor
from reconciler.protocol.message.common import NOTHING_HELD, SetPosition
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.kinds import OF_AGENTS, OF_ORCHESTRATORS
from reconciler.protocol.message.session import Cancel
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import as_value, read, read_item, render
from reconciler.protocol.session.agent import AgentSession, AgentSettings
from reconciler.protocol.session.desk import DeskSettings, Kept
from reconciler.protocol.session.events import (
    Begin,
    Closed,
    DropDocument,
    Finished,
    ForgetTask,
    KeepDocument,
    KeepFence,
    KeepPosition,
    KeepTask,
    Logged,
    Reported,
    Step,
    Stop,
)
from reconciler.protocol.session.orchestrator import OrchestratorSession, OrchestratorSettings
from reconciler.protocol.session.work import WorkReport
from reconciler.protocol.states import TaskRecord, is_over
from reconciler.protocol.wire.times import Moment
from tests.protocol.makers import ALICE, ME, NOW, uid

Shape = Literal["polling", "websocket", "either"]
LEASE = timedelta(seconds=90)
POLICY = AgentPolicy(
    task_types=frozenset(
        {
            *("deploy", "rollback", "health-check", "inspect"),
            *("execute-command", "upload-files", "write-sticker", "read-sticker"),
        }
    ),
    commands={"migrate": NamedCommand(argv=("migrate",))},
    upload_roots=("/srv",),
)


@dataclass
class Disk:
    """What an agent has kept."""

    entries: dict[str, str] = field(default_factory=dict)
    fence: dict[str, tuple[int, int]] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    position: SetPosition = NOTHING_HELD


@dataclass
class Host:
    """What is done to the host. ``runs``: how often the effect of each key was begun."""

    runs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    effects: dict[str, Any] = field(default_factory=dict)
    generations: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class World:
    """``ahead``: seconds by which the agent's clock is wrong."""

    def __init__(self, shape: Shape, *, ahead: float = 0.0, budget: Budget | None = None) -> None:
        self.shape = shape
        self.now = NOW
        self.ahead = ahead
        self.budget = budget or Budget()
        self.disk, self.host = Disk(), Host()
        self.log = AssignmentLog("set-1")
        self.records: dict[str, TaskRecord] = {}
        self.tasks: dict[str, AgentTask] = {}
        self.cursors: dict[str, LogCursor] = {}
        self.texts: dict[str, str] = defaultdict(str)
        self.sessions = 0
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.work: dict[str, Begin] = {}
        self.server: OrchestratorSession | None = None
        self.agent = self._agent()

    # ---- what a person does

    def assign(self, document: AssignedDocument) -> None:
        self.log.assign(document)
        self.serve()

    def ask(self, task: AgentTask) -> None:
        """A task is queued and handed out."""
        record = TaskRecord(task_id=task.id, expires_at=task.expires_at, timeout_seconds=task.timeout_seconds)
        self.records[task.id], self.tasks[task.id] = record, task
        self._advance(task.id, states.assigned(record, self.now.at, LEASE))
        if self.records[task.id].state == "assigned":
            self.log.hand_out(task)
        self.serve()

    def cancel(self, task_id: str) -> None:
        self._advance(task_id, states.cancelled(self.records[task_id]))
        key = self.tasks[task_id].idempotency_key
        self.log.cancel(Cancel(task_id=task_id, idempotency_key=key, reason="not needed", actor=ALICE))
        self.serve()

    # ---- the link

    @property
    def pushes(self) -> bool:
        """Whether the orchestrator sends unasked in this session."""
        return self.shape == "websocket" or (self.shape == "either" and self.sessions % 2 == 0)

    def connect(self) -> None:
        self.cut()
        self.sessions += 1
        settings = OrchestratorSettings(interval_seconds=10, push=self.pushes, budget=self.budget)
        self.server = OrchestratorSession(
            ME, uid(self.sessions), log=self.log, settings=settings, cursors=self.cursors
        )
        self._agents(self.agent.opened(self.at))

    def cut(self) -> None:
        self.up, self.down = [], []
        self.server = None
        self._agents(self.agent.closed())

    def carry_up(self, index: int = 0, *, keep: bool = False) -> None:
        """One message of the agent arrives; ``keep``: it will arrive again."""
        content = self.up[index] if keep else self.up.pop(index)
        if self.server is not None:
            self._servers(self.server.receive(read(content, OF_AGENTS), self.now))

    def carry_down(self, index: int = 0, *, keep: bool = False) -> None:
        content = self.down[index] if keep else self.down.pop(index)
        self._agents(self.agent.receive(read(content, OF_ORCHESTRATORS), self.at))

    # ---- time, and work

    @property
    def at(self) -> Moment:
        """Now, as the agent's host has it."""
        return Moment(self.now.at + timedelta(seconds=self.ahead), self.now.ticks)

    def wait(self, seconds: float) -> None:
        self.now = self.now.later(seconds)
        for task_id, record in list(self.records.items()):
            self._advance(
                task_id,
                states.assigned(record, self.now.at, LEASE)
                if record.state == "assigned"
                else states.lapsed(record, self.now.at),
            )
            again = self.records[task_id].attempt
            if again != self.tasks[task_id].attempt and self.records[task_id].state == "assigned":
                self.tasks[task_id] = replace(self.tasks[task_id], attempt=again)
                self.log.hand_out(self.tasks[task_id])
        self.serve()
        self._agents(self.agent.tick(self.at))

    def serve(self) -> None:
        """The orchestrator looks at its sessions."""
        if self.server is not None and self.pushes:
            self._servers(self.server.tick(self.now))

    def do_work(self, task_id: str, *, die: Literal["", "before", "after"] = "") -> None:
        """The work of one task, to its end; or the agent dies before or after its effect."""
        begin = self.work[task_id]
        if begin.entry.task.mutates:
            if die == "before":
                return self.restart()
            stop, step = self.agent.pass_no_return(task_id, self.at)
            self._agents(step)
            if stop is not None:
                return self._done(task_id, WorkReport(outcome=stop.outcome, error=stop.reason))
            self._effect(begin)
            if die == "after":
                return self.restart()
        self._agents(self.agent.said(task_id, f"done {task_id}\n", self.at))
        return self._done(task_id, WorkReport(outcome="succeeded"))

    def restart(self) -> None:
        """The agent is killed and started."""
        self.work = {}
        self.up, self.down, self.server = [], [], None
        self.agent = self._agent()
        self._agents(self.agent.restarted(self.at))

    def calm(self, rounds: int = 400) -> None:
        """No more faults: everything is carried, all work is done, until nothing is left to do."""
        for _ in range(rounds):
            if self.server is None or not self.agent.session:
                self.connect()
            while self.up or self.down:
                while self.up:
                    self.carry_up()
                while self.down:
                    self.carry_down()
            for task_id in list(self.work):
                self.do_work(task_id)
            if self.settled:
                return
            self.wait(5.0)
        left = [entry.report for entry in self.agent.desk.entries if not entry.acknowledged]
        ends = {name[-2:]: record.state for name, record in self.records.items()}
        raise AssertionError(
            f"never calm: {ends}; open {self.log.open_tasks}; left {left}; "
            f"to be told {len(self.agent.desk.results)}; held {self.agent.held.position} of {self.log.position}"
        )

    @property
    def settled(self) -> bool:
        over = all(is_over(record.state) for record in self.records.values())
        told = not self.agent.desk.results and not self.log.open_tasks
        return over and told and self.agent.held.position == self.log.position and not self.up and not self.down

    # ---- within

    def _agent(self) -> AgentSession:
        documents = {
            name: read_item(json.loads(text), AssignedDocument) for name, text in self.disk.documents.items()
        }
        held = Held(position=self.disk.position, documents=documents)
        entries = tuple(read_entry(json.loads(text)) for text in self.disk.entries.values())
        desk = DeskSettings(identity=Identity(agent=ME), verify=lambda item: "", policy=POLICY)
        settings = AgentSettings(desk=desk, instance=uid(99), agent_version="1")
        return AgentSession(settings, held=held, kept=Kept(entries, self._fence()))

    def _fence(self) -> Fence:
        kept = self.disk.fence
        return Fence(
            {name: item[0] for name, item in kept.items()}, {name: item[1] for name, item in kept.items()}
        )

    def _agents(self, step: Step) -> None:
        """The agent carries out a step: what is kept first."""
        for event in step.events:
            self._keep(event)
        for event in step.events:
            match event:
                case Begin():
                    self.work[event.entry.task.id] = event
                case Stop():
                    assert event.task_id in self.work
                case Closed():
                    self.up, self.down, self.server = [], [], None
                case _:
                    pass
        for message in step.messages:
            self.agent.took(message, self.at)
            self.up.append(render(message))

    def _keep(self, event: Any) -> None:
        match event:
            case KeepTask():
                kept = self.disk.entries.get(event.entry.task.idempotency_key)
                if kept is not None:
                    old = read_entry(json.loads(kept))
                    assert states.RANKS[old.state] <= states.RANKS[event.entry.state], "no entry goes back"
                self.disk.entries[event.entry.task.idempotency_key] = json.dumps(entry_value(event.entry))
            case ForgetTask():
                del self.disk.entries[event.key]
            case KeepFence():
                name, fence = event.document, event.fence
                before, after = (
                    self.disk.fence.get(name, (0, 0)),
                    (fence.tasks.get(name, 0), fence.documents.get(name, 0)),
                )
                assert max(after) >= max(before), "no fence goes back"
                assert after[0] >= before[0]
                self.disk.fence[name] = after
            case KeepDocument():
                self.disk.documents[event.document.id] = json.dumps(as_value(event.document))
            case DropDocument():
                del self.disk.documents[event.document]
            case KeepPosition():
                here = self.disk.position
                assert here.id != event.position.id or here.sequence <= event.position.sequence
                self.disk.position = event.position
            case _:
                pass

    def _servers(self, step: Step) -> None:
        for event in step.events:
            match event:
                case Reported(report) if report.task_id in self.records:
                    record = self.records[report.task_id]
                    self._advance(report.task_id, states.reported(record, report, self.now.at + LEASE))
                case Finished(result) if result.task_id in self.records:
                    self._advance(result.task_id, states.finished(self.records[result.task_id], result))
                case Logged():
                    self.texts[event.task_id] += event.text
                    self.cursors[event.task_id] = LogCursor(
                        task_id=event.task_id, attempt=event.attempt, next=event.next, complete=event.last
                    )
                case Closed():
                    self.server = None
                case _:
                    pass
        self.down += [render(message) for message in step.messages]

    def _advance(self, task_id: str, after: TaskRecord) -> None:
        before = self.records[task_id]
        assert after.state == before.state or states.may_follow(before.state, after.state), "no task goes back"
        assert before.result is None or before.state == "unknown" or after.result == before.result
        self.records[task_id] = after

    def _effect(self, begin: Begin) -> None:
        task = begin.entry.task
        self.host.runs[task.idempotency_key] += 1
        self.host.effects[task.idempotency_key] = task.request_hash
        if task.generation is not None and task.document is not None:
            done = self.host.generations[task.document]
            assert not done or done[-1] <= task.generation, "nothing late undoes what is newer"
            done.append(task.generation)

    def _done(self, task_id: str, report: WorkReport) -> None:
        del self.work[task_id]
        self._agents(self.agent.finished(task_id, report, self.at))
