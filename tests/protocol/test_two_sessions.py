"""Two sessions with a link between them that loses, doubles, reorders and cuts; what must hold in the end.

The state machine draws what people, links, clocks and agents do. Then the faults end, and everything has to come
to rest: each task has one end that both sides know, each effect happened once, both hold the same assignments.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from reconciler.protocol.assignment_log import Budget
from tests.protocol.makers import document, task
from tests.protocol.world import Shape, World

TYPES = ("deploy", "rollback", "execute-command", "upload-files", "inspect", "health-check")
NAMES = ("web", "api")
Deed = Literal["up", "down", "double up", "double down", "lose up", "lose down", "wait", "work"]
DEEDS: tuple[Deed, ...] = (
    *("up", "up", "up", "down", "down", "down"),
    *("double up", "double down", "lose up", "lose down", "wait", "work"),
)
MANY = settings(
    max_examples=400 if os.environ.get("THOROUGH") else 30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # what fails is told whole; to shorten it takes longer than a test may
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

    @rule(deeds=st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 9)), min_size=3, max_size=12))
    def live(self, deeds: list[tuple[Deed, int]]) -> None:
        """Some time on one link."""
        if self.world.server is None:
            self.world.connect()
        for deed, chance in deeds:
            self._do(deed, chance)

    @rule()
    def flap(self) -> None:
        self.world.connect()

    @rule()
    def cut(self) -> None:
        self.world.cut()

    @rule(seconds=st.sampled_from([40.0, 400.0]))
    def be_silent(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(die=st.sampled_from(["before", "after"]))
    def die_at_work(self, die: Literal["before", "after"]) -> None:
        if self.world.work:
            self.world.do_work(min(self.world.work), die=die)
        else:
            self.world.restart()

    def _do(self, deed: Deed, chance: int) -> None:
        world = self.world
        queue = world.up if deed.endswith("up") else world.down
        index = chance % len(queue) if queue else 0
        match deed:
            case "wait":
                world.wait((1.0, 5.0, 16.0)[chance % 3])
            case "work":
                if world.work:
                    world.do_work(sorted(world.work)[chance % len(world.work)])
            case _ if not queue:
                pass
            case "up" | "double up":
                world.carry_up(index, keep=deed == "double up")
            case "down" | "double down":
                world.carry_down(index, keep=deed == "double down")
            case _:
                del queue[index]

    def teardown(self) -> None:
        world = self.world
        world.calm()
        held, refused = world.agent.held.documents, world.agent.held.refused
        assigned = world.log.documents
        assert held.keys() <= assigned.keys(), "what is withdrawn is not held"
        for name, version in assigned.items():
            if name not in refused:
                assert held[name].held == version, "what is assigned is held"
            else:
                assert version.generation < world.agent.desk.fence.tasks[name], "only what is late is refused"
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


class Either(TwoSessions):
    """Each session over the other kind of link than the one before."""

    shape = "either"


TestPolling = Polling.TestCase
TestPolling.settings = MANY
TestWebSocket = WebSocket.TestCase
TestWebSocket.settings = MANY
TestEither = Either.TestCase
TestEither.settings = MANY


@pytest.mark.parametrize("shape", ["polling", "websocket", "either"])
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
