"""Two sessions with a link between them that loses, doubles, reorders and cuts; what must hold at the end of it.

The state machine draws what people, links, clocks and agents do. Then the faults end, and everything has to come to
rest: each task has one end that both sides know, each effect happened once, both hold the same assignments.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from reconciler.protocol.assignment_log import Budget
from tests.protocol.makers import document, task
from tests.protocol.world import Shape, World

TYPES = ("deploy", "rollback", "execute-command", "upload-files", "inspect", "health-check")
NAMES = ("web", "api")
MANY = settings(
    max_examples=400 if os.environ.get("THOROUGH") else 60,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class TwoSessions(RuleBasedStateMachine):
    """``shape`` is that of the link."""

    shape: Shape

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.shape, budget=Budget(size=1_500))
        self.tasks = 0
        self.generations = dict.fromkeys(NAMES, 0)

    @rule(name=st.sampled_from(NAMES), size=st.sampled_from([10, 2_000]))
    def assign(self, name: str, size: int) -> None:
        self.generations[name] += 1
        self.world.assign(document(name, self.generations[name], text=f"{self.generations[name]:0{size}}"))

    @rule(name=st.sampled_from(NAMES))
    def withdraw(self, name: str) -> None:
        self.world.log.withdraw(name)
        self.world.serve()

    @rule(type_=st.sampled_from(TYPES), name=st.sampled_from(NAMES), lives=st.sampled_from([20, 3_000]))
    def ask(self, type_: str, name: str, lives: int) -> None:
        self.tasks += 1
        fenced = type_ in {"deploy", "rollback"}
        self.generations[name] += fenced
        self.world.ask(
            task(
                self.tasks,
                type_,
                document=name,
                generation=self.generations[name] if fenced else None,
                assigned_at=self.world.now.at,
                expires_at=self.world.now.at + timedelta(seconds=lives),
            )
        )

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.world.cancel(data.draw(st.sampled_from(sorted(self.world.records))))

    @rule()
    def connect(self) -> None:
        self.world.connect()

    @rule()
    def cut(self) -> None:
        self.world.cut()

    @precondition(lambda self: self.world.up)
    @rule(data=st.data(), keep=st.booleans())
    def carry_up(self, data: st.DataObject, keep: bool) -> None:
        self.world.carry_up(data.draw(st.integers(0, len(self.world.up) - 1)), keep=keep)

    @precondition(lambda self: self.world.down)
    @rule(data=st.data(), keep=st.booleans())
    def carry_down(self, data: st.DataObject, keep: bool) -> None:
        self.world.carry_down(data.draw(st.integers(0, len(self.world.down) - 1)), keep=keep)

    @rule()
    def carry_all(self) -> None:
        for _ in range(3):
            while self.world.up:
                self.world.carry_up()
            while self.world.down:
                self.world.carry_down()

    @precondition(lambda self: self.world.up)
    @rule(data=st.data())
    def lose_a_message_of_the_agent(self, data: st.DataObject) -> None:
        del self.world.up[data.draw(st.integers(0, len(self.world.up) - 1))]

    @precondition(lambda self: self.world.down)
    @rule(data=st.data())
    def lose_a_message_of_the_orchestrator(self, data: st.DataObject) -> None:
        del self.world.down[data.draw(st.integers(0, len(self.world.down) - 1))]

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @precondition(lambda self: self.world.work)
    @rule(data=st.data(), die=st.sampled_from(["", "", "", "before", "after"]))
    def work(self, data: st.DataObject, die: str) -> None:
        self.world.do_work(data.draw(st.sampled_from(sorted(self.world.work))), die=die)  # type: ignore[arg-type]

    @rule()
    def restart(self) -> None:
        self.world.restart()

    def teardown(self) -> None:
        world = self.world
        world.calm()
        held, refused = world.agent.held.documents, world.agent.held.refused
        assert all(world.log.generation(name) for name in held), "what is withdrawn is not held"
        for name in NAMES:
            generation = world.log.generation(name)
            if generation and name not in refused:
                assert held[name].generation == generation, "what is assigned is held"
            assert name not in refused or generation < world.agent.desk.fence.tasks[name], (
                "only what is late is refused"
            )
        for record in world.records.values():
            asked = world.tasks[record.task_id]
            runs = world.host.runs[asked.idempotency_key]
            if not asked.mutates:
                continue
            if record.state == "succeeded":
                assert runs >= 1, "what is told to be done was done"
            elif record.state in {"expired", "cancelled", "failed"}:
                assert runs == 0, "what is told not to be done was not"
            if asked.type == "execute-command":
                assert runs <= 1, "what is not to be done twice was done once at most"
        for task_id, text in world.texts.items():
            assert text.count(f"done {task_id}\n") <= 1, "no piece of a log is taken twice"


class Polling(TwoSessions):
    shape = "polling"


class WebSocket(TwoSessions):
    shape = "websocket"


TestPolling = Polling.TestCase
TestPolling.settings = MANY
TestWebSocket = WebSocket.TestCase
TestWebSocket.settings = MANY


@pytest.mark.parametrize("shape", ["polling", "websocket"])
def test_without_faults_a_task_is_done_and_told_at_once(shape: Shape) -> None:
    world = World(shape)
    world.connect()
    world.assign(document())
    world.ask(task(1, generation=2))
    world.calm(rounds=5)
    (record,) = world.records.values()
    assert (record.state, record.attempt) == ("succeeded", 1)
    assert world.host.runs == {"key-1": 1}
    assert world.texts[record.task_id].startswith("done ")
