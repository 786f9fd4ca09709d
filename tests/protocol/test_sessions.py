"""What a session does with single messages: beginning, gaps, refusals, silence, several sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import MessageRefused
from reconciler.protocol.admission import Identity
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.assignment_log import AssignmentLog, Budget
from reconciler.protocol.message.common import NOTHING_HELD, Message, SetPosition
from reconciler.protocol.message.document import AssignedDocument, version_of
from reconciler.protocol.message.kinds import OF_AGENTS, OF_ORCHESTRATORS
from reconciler.protocol.message.result import Acknowledgement, LogChunk, LogPosition, TaskResult
from reconciler.protocol.message.session import (
    Assignments,
    Cancel,
    Close,
    DocumentReport,
    Heartbeat,
    HeartbeatAnswer,
    Hello,
    Ping,
    Pong,
    Welcome,
)
from reconciler.protocol.reading import as_value, read, render
from reconciler.protocol.session.agent import AgentSession, AgentSettings
from reconciler.protocol.session.away import FIRST_S, LONGEST_S, pause
from reconciler.protocol.session.desk import DeskSettings, Kept
from reconciler.protocol.session.events import (
    AgentAhead,
    Alive,
    Began,
    Begin,
    Closed,
    DocumentsReported,
    DropDocument,
    Event,
    Finished,
    KeepDocument,
    KeepFence,
    KeepPosition,
    Logged,
    Opened,
    Refused,
    Reported,
    Step,
)
from reconciler.protocol.session.orchestrator import OrchestratorSession, OrchestratorSettings
from reconciler.protocol.session.work import WorkReport
from reconciler.protocol.wire.limits import Limits
from reconciler.protocol.wire.times import Moment
from tests.protocol.makers import ALICE, ME, NOW, document, task, uid

POLLING, SOCKET = OrchestratorSettings(), OrchestratorSettings(push=True)


def agents_settings(**changes: Any) -> AgentSettings:
    desk = DeskSettings(identity=Identity(agent=ME), verify=lambda item: "")
    return AgentSettings(desk=replace(desk, **changes), instance=uid(99), agent_version="1", labels={"zone": "a"})


class QuickLink(AgentSession):
    """Over a link that takes everything at once."""

    def _step(self, events: list[Event], now: Moment) -> Step:
        step = super()._step(events, now)
        for message in step.messages:
            self.took(message, now)
        return step


def agent(**changes: Any) -> AgentSession:
    return QuickLink(agents_settings(**changes))


class Pair:
    """An agent and an orchestrator with a link that carries everything at once, as bytes."""

    def __init__(self, settings: OrchestratorSettings = POLLING, me: AgentSession | None = None) -> None:
        self.log = AssignmentLog("set-1")
        self.agent = me or agent()
        self.server = OrchestratorSession(ME, uid(1), log=self.log, settings=settings)
        self.now = NOW
        self.events: list[Any] = []

    def begin(self) -> Pair:
        self.to_server(self.agent.opened(self.now))
        return self

    def to_server(self, step: Step) -> None:
        """Carry what the agent says, and all that follows from it."""
        self._carry(step, up=True)

    def to_agent(self, step: Step) -> None:
        self._carry(step, up=False)

    def _carry(self, step: Step, *, up: bool) -> None:
        queue = [(up, step)]
        while queue:
            up, step = queue.pop(0)
            self.events += step.events
            for message in step.messages:
                if up:
                    queue.append((False, self.server.receive(read(render(message), OF_AGENTS), self.now)))
                else:
                    queue.append((True, self.agent.receive(read(render(message), OF_ORCHESTRATORS), self.now)))

    def wait(self, seconds: float) -> None:
        self.now = self.now.later(seconds)
        self.to_server(self.agent.tick(self.now))

    def seen(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def test_a_session_begins_and_the_set_comes_with_the_first_answer() -> None:
    pair = Pair()
    pair.log.assign(document("web"))
    pair.log.assign(document("api"))
    pair.begin()
    assert pair.seen(Began)[0].hello.labels == {"zone": "a"}
    assert pair.seen(Opened) == [Opened(uid(1))]
    assert {event.document.id for event in pair.seen(KeepDocument)} == {"web", "api"}
    assert pair.agent.held.position == pair.log.position
    assert pair.agent.session == uid(1)
    pair.log.withdraw("api")
    pair.log.withdraw("never-there")
    pair.log.assign(document("web"))
    pair.wait(30)
    assert pair.seen(DropDocument) == [DropDocument("api")]
    assert pair.agent.held.position == pair.log.position


def test_over_a_websocket_changes_are_sent_as_they_come() -> None:
    pair = Pair(SOCKET).begin()
    pair.log.assign(document())
    pair.log.hand_out(task(1, generation=2))
    pair.to_agent(pair.server.tick(pair.now))
    assert pair.agent.held.documents.keys() == {"web"}
    assert [entry.task.id for entry in pair.agent.desk.entries] == [uid(1)]
    assert pair.server.tick(pair.now).messages == ()
    pair.wait(1)
    assert [event.report.state for event in pair.seen(Reported)] == ["running"], "news are told soon"


def test_over_http_nothing_is_sent_unasked() -> None:
    pair = Pair().begin()
    pair.log.assign(document())
    assert pair.server.tick(pair.now).messages == ()
    assert OrchestratorSession(ME, uid(1), log=pair.log, settings=SOCKET).tick(NOW) == Step()


def test_a_gap_shows_and_the_full_set_is_asked_for() -> None:
    pair = Pair(SOCKET).begin()
    pair.wait(2)
    pair.log.assign(document("web"))
    pair.server.tick(pair.now)
    pair.log.assign(document("api"))
    (late,) = pair.server.tick(pair.now).messages
    pair.now = pair.now.later(1)
    step = pair.agent.receive(late, pair.now)
    (beat,) = step.messages
    assert isinstance(beat, Heartbeat)
    assert (beat.resync, pair.agent.held.documents) == (True, {})
    pair.to_server(step)
    assert pair.agent.held.documents.keys() == {"web", "api"}
    (beat,) = pair.agent.receive(late, pair.now.later(9)).messages
    assert isinstance(beat, Heartbeat)
    assert not beat.resync, "what is older than what is held is no gap"


def test_an_older_full_set_that_is_late_is_passed_over() -> None:
    me = greeted(agent())
    me.receive(full(document(generation=2), sequence=9), NOW)
    assert me.receive(full(document("other"), sequence=5), NOW).events == ()
    assert me.held.position == SetPosition("set-1", 9)
    assert me.held.documents.keys() == {"web"}


def test_few_results_are_under_way_at_once() -> None:
    me = greeted(agent())
    tasks = tuple(as_value(task(number, target_id="host-b")) for number in range(1, 101))
    step = me.receive(full(tasks=tasks), NOW)
    sent = [message for message in step.messages if isinstance(message, TaskResult)]
    assert len(sent) == 32
    assert not [message for message in me.tick(NOW.later(5)).messages if isinstance(message, TaskResult)]
    told = Acknowledgement(session=uid(1), results=tuple(item.key for item in sent[:10]), logs=())
    more = [message for message in me.receive(told, NOW.later(5)).messages if isinstance(message, TaskResult)]
    assert len(more) == 10


def test_a_set_that_is_not_the_one_that_is_meant_is_asked_for_anew() -> None:
    """The numbers agree and the content does not."""
    pair = Pair().begin()
    pair.log.assign(document())
    pair.wait(30)
    other = AssignmentLog("set-1", pair.log.position.sequence - 1)
    other.assign(document(generation=2, text="other"))
    pair.server = OrchestratorSession(ME, uid(1), log=other, settings=POLLING)
    pair.now = pair.now.later(1)
    pair.begin()
    pair.wait(30)
    pair.wait(2)
    assert pair.agent.held.documents["web"].generation == 2


def test_a_large_set_comes_in_parts_and_takes_effect_when_all_are_there() -> None:
    settings = OrchestratorSettings(budget=Budget(size=3_000), limits=Limits(message_bytes=10_000))
    pair = Pair(settings)
    for number in range(20):
        pair.log.assign(document(f"d{number}", text=f"{number:02000}"))
    pair.begin()
    assert pair.agent.held.documents == {}
    pending = pair.agent.held.pending
    assert pending is not None
    assert 0 < len(pending.parts) < 20
    pair.log.assign(document("late"))
    for _ in range(20):
        pair.wait(1)
    assert len(pair.agent.held.documents) == 21
    assert len(pair.seen(KeepPosition)) == 2, "all at once, and then what came meanwhile"
    assert pair.agent.held.pending is None


def test_a_part_that_is_missing_is_told_by_its_number() -> None:
    log = AssignmentLog("set-1")
    for number in range(3):
        log.assign(document(f"d{number}"))
    first, second, third = log.since(NOTHING_HELD, uid(1), Budget(parts=1))
    me = agent()
    me.opened(NOW)
    me.receive(welcome(), NOW)
    me.receive(first, NOW)
    me.receive(replace(first), NOW)
    me.receive(third, NOW)
    assert me.held.pending is not None
    assert me.held.pending.parts == (1, 3)
    me.receive(second, NOW)
    assert len(me.held.documents) == 3
    twice = replace(third, part=7, results_in=99)
    for part in (first, second):
        me.receive(replace(part, results_in=99), NOW)
    assert me.receive(twice, NOW.later(30)).messages, "parts that do not add up are a gap"


def welcome(**changes: Any) -> Welcome:
    given: dict[str, Any] = {
        "session": uid(1),
        "version": "fleet/v1",
        "understands": (),
        "server_time": NOW.at,
        "set_id": "set-1",
        "interval_seconds": 30,
        "reconnect_spread_seconds": 7,
        "max_message_bytes": 4 << 20,
        "max_log_chunk_bytes": 1_024,
    }
    return Welcome(**{**given, **changes})


def full(*documents: AssignedDocument, sequence: int = 5, **changes: Any) -> Assignments:
    log = AssignmentLog("set-1", sequence - len(documents))
    for item in documents:
        log.assign(item)
    (message,) = log.since(NOTHING_HELD, uid(1))
    return replace(message, **changes)


def greeted(me: AgentSession) -> AgentSession:
    me.opened(NOW)
    me.receive(welcome(), NOW)
    return me


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"target_id": "host-b"}, "another target than host-a"),
        ({"generation": 1}, "generation 1 is below 3, which was taken already"),
        ({"generation": 3, "text": "other"}, "generation 3 is held with another version"),
    ],
)
@pytest.mark.fault("N8")
def test_a_document_that_is_refused_leaves_what_is_held(wrong: dict[str, Any], words: str) -> None:
    """Such as when an orchestrator put back from an old copy asks for an older generation."""
    me = greeted(agent())
    me.receive(full(document(generation=3)), NOW)
    given = {"generation": 4, "text": "kind: Container", **wrong}
    step = me.receive(full(document(version=version_of(given["text"]), **given), sequence=9), NOW)
    (refused,) = [event for event in step.events if isinstance(event, Refused)]
    assert (refused.what, refused.name) == ("document", "web")
    assert words in refused.reason
    assert me.held.documents["web"].generation == 3
    (beat,) = me.tick(NOW.later(40)).messages
    assert isinstance(beat, Heartbeat)
    assert words in (beat.documents[0].refused or "")
    assert me.receive(full(document(generation=4), sequence=10), NOW.later(41)).events
    assert me.held.refused == {}


def test_an_older_document_is_refused_after_it_was_withdrawn_too() -> None:
    me = greeted(agent())
    me.receive(full(document(generation=3)), NOW)
    step = me.receive(full(document(generation=7), sequence=6), NOW)
    (fence,) = [event.fence for event in step.events if isinstance(event, KeepFence)]
    me.receive(full(sequence=7), NOW)
    assert me.held.documents == {}
    again = AgentSession(agents_settings(), kept=Kept(fence=fence))
    greeted(again).receive(full(document(generation=3), sequence=8), NOW)
    assert (again.held.documents, set(again.held.refused)) == ({}, {"web"})
    again.receive(full(document(generation=7), sequence=9), NOW)
    assert again.held.documents["web"].generation == 7, "the same wish may be assigned again"


def test_a_task_of_a_message_does_not_undo_the_newer_document_in_it() -> None:
    me = greeted(agent())
    tasks = tuple(as_value(task(number, generation=number)) for number in (5, 6))
    me.receive(full(document(generation=6), tasks=tasks), NOW)
    assert [entry.task.generation for entry in me.desk.entries] == [6]
    assert {item.error_type for item in me.desk.results.values()} == {"stale-generation"}


@pytest.mark.fault("N8")
def test_an_orchestrator_that_was_put_back_is_told_that_the_agent_is_ahead() -> None:
    pair = Pair().begin()
    pair.log.assign(document(generation=7))
    pair.wait(30)
    old = AssignmentLog("set-2")
    old.assign(document(generation=5))
    pair.server = OrchestratorSession(ME, uid(2), log=old, settings=POLLING)
    pair.begin()
    assert pair.seen(AgentAhead) == [AgentAhead("web", 7, 5)]
    known = AssignmentLog("set-3", generations={"web": 7})
    known.hand_out(task(1, document="web", generation=8))
    assert known.generation("web") == 8, "what tasks have brought is wished for too"
    assert pair.agent.held.documents["web"].generation == 7
    assert pair.agent.held.position == old.position


def test_a_document_that_cannot_be_read_or_is_not_signed_is_refused_alone() -> None:
    me = greeted(agent(policy=AgentPolicy(signed=True)))
    message = full(document("web"), document("api"))
    broken = replace(
        message, documents=({**message.documents[0], "version": f"sha256:{'0' * 64}"}, message.documents[1])
    )
    step = me.receive(broken, NOW)
    assert {
        event.name: event.reason.split(":")[-1].strip() for event in step.events if isinstance(event, Refused)
    } == {
        "web": "version is not that of text and artifacts",
        "api": "it is not signed, which the agent's policy wants",
    }
    assert me.held.position == SetPosition("set-1", 5)


def test_messages_of_another_session_or_numbering_are_passed_over() -> None:
    me = greeted(agent())
    assert me.receive(full(document(), session=uid(8)), NOW) == Step()
    (refused,) = me.receive(full(document(), set_id="set-9"), NOW).events
    assert isinstance(refused, Refused)
    assert me.held.documents == {}
    assert me.receive(welcome(session=uid(7)), NOW) == Step(), "a second welcome is none"
    assert me.receive(Pong(session=uid(1), number=1), NOW) == Step()


def test_before_a_welcome_nothing_is_taken() -> None:
    me = agent()
    me.opened(NOW)
    assert me.receive(full(document()), NOW) == Step()
    (closed,) = me.receive(welcome(version="fleet/v2"), NOW).events
    assert isinstance(closed, Closed)
    assert closed.reason == "no-common-version"


def test_both_sides_answer_a_ping() -> None:
    pair = Pair(SOCKET).begin()
    assert pair.agent.receive(Ping(session=uid(1), number=4), NOW).messages == (Pong(session=uid(1), number=4),)
    assert pair.server.receive(Ping(session=uid(1), number=5), NOW).messages == (Pong(session=uid(1), number=5),)
    assert pair.server.receive(Pong(session=uid(1), number=5), NOW).messages == ()


def test_a_link_that_is_silent_is_given_up_by_both() -> None:
    pair = Pair(SOCKET).begin()
    (ping,) = pair.server.tick(pair.now.later(31)).messages
    assert isinstance(ping, Ping)
    step = pair.server.tick(pair.now.later(90))
    assert [type(item) for item in (*step.events, *step.messages)] == [Closed, Close]
    assert pair.server.tick(pair.now.later(91)) == Step()
    silent = [event for event in pair.agent.tick(pair.now.later(90)).events if isinstance(event, Closed)]
    assert silent[0].reason == "silent"
    assert pair.agent.session == ""


def test_a_welcome_that_does_not_come_is_not_waited_for() -> None:
    me = agent()
    me.opened(NOW)
    assert me.tick(NOW.later(29)).events == ()
    (closed,) = me.tick(NOW.later(30)).events
    assert isinstance(closed, Closed)
    assert me.reconnect.failures == 1


def test_a_close_says_when_to_come_again() -> None:
    me = greeted(agent())
    (closed,) = me.receive(Close(reason="shutdown", message="an update", retry_after_seconds=20), NOW).events
    assert closed == Closed("shutdown", "an update", 20)
    assert (me.reconnect.delay(0.0), me.reconnect.delay(1.0)) == (20, 27)
    me.opened(NOW)
    me.receive(Close(reason="too-many-sessions", message="", retry_after_seconds=3), NOW)
    assert me.reconnect.delay(1.0) == 3 + 14
    greeted(me).closed()
    assert me.reconnect.delay(1.0) == 7


def test_an_orchestrator_speaks_with_whom_the_certificate_names_alone() -> None:
    pair = Pair()
    hello = pair.agent.opened(NOW).messages[0]
    assert isinstance(hello, Hello)
    for wrong, reason in (({"agent": "host-b"}, "forbidden"), ({"versions": ("fleet/v9",)}, "no-common-version")):
        (close,) = pair.server.receive(replace(hello, **wrong), NOW).messages
        assert isinstance(close, Close)
        assert close.reason == reason
    pair.begin()
    pair.now = pair.now.later(30)
    (beat,) = pair.agent.tick(pair.now).messages
    assert isinstance(beat, Heartbeat)
    for stranger in (replace(beat, agent="host-b"), replace(result(pair), agent="host-b")):
        (close,) = pair.server.receive(stranger, NOW).messages
        assert isinstance(close, Close)
        assert close.reason == "forbidden"
        pair.begin()


def result(pair: Pair) -> Any:
    pair.log.hand_out(task(1, "inspect"))
    pair.wait(30)
    step = pair.agent.finished(uid(1), WorkReport(outcome="succeeded"), pair.now)
    return next(message for message in step.messages if hasattr(message, "outcome"))


def test_what_is_said_without_a_session_is_not_heard() -> None:
    pair = Pair()
    silent: tuple[Message, ...] = (
        Ping(session=uid(1), number=1),
        replace(result(Pair().begin())),
    )
    for message in silent:
        (close,) = pair.server.receive(message, NOW).messages
        assert isinstance(close, Close)
        assert close.reason == "session-unknown"
    step = pair.server.receive(Close(reason="shutdown", message="bye"), NOW)
    assert step.events == (Closed("shutdown", "bye"),)


@pytest.mark.fault("N10")
def test_a_result_is_sent_again_until_it_is_acknowledged() -> None:
    pair = Pair().begin()
    lost = result(pair)
    assert [m for m in pair.agent.tick(pair.now.later(FIRST_S - 1)).messages if m == lost] == []
    assert [m for m in pair.agent.tick(pair.now.later(FIRST_S * 1.5)).messages if m == lost] == [lost]
    step = pair.server.receive(lost, pair.now)
    assert step.events == (Finished(lost),)
    answers = step.messages
    assert pair.server.receive(lost, pair.now).messages == answers, "twice heard, twice acknowledged"
    assert pair.log.open_tasks == frozenset()
    pair.agent.receive(answers[0], pair.now)
    assert pair.agent.desk.results == {}
    pair.wait(60)
    assert pair.agent.desk.reports == ()


def test_a_link_that_takes_little_is_not_given_the_same_twice() -> None:
    """What waits in its queue is neither sent again, nor told anew by heartbeats."""
    me = greeted(AgentSession(agents_settings()))
    me.receive(full(tasks=(as_value(task(1, "inspect")),)), NOW)
    step = me.said(uid(1), "at work\n", NOW)
    sent = [*step.messages, *me.finished(uid(1), WorkReport(outcome="succeeded"), NOW).messages]
    assert [type(message) for message in sent] == [LogChunk, TaskResult, LogChunk]
    for seconds in range(0, 600, 5):
        me.receive(Ping(session=uid(1), number=seconds), NOW.later(seconds))
        assert me.tick(NOW.later(seconds)).messages == ()
    for message in sent:
        me.took(message, NOW.later(600))
    assert me.tick(NOW.later(600 + FIRST_S - 1)).messages == ()
    again = me.tick(NOW.later(600 + FIRST_S * 1.5)).messages
    assert sorted(map(str, again)) == sorted(map(str, sent))


def test_a_new_session_gets_at_once_what_the_one_before_was_not_told_of() -> None:
    me = greeted(AgentSession(agents_settings()))
    me.receive(full(tasks=(as_value(task(1, "inspect")),)), NOW)
    me.said(uid(1), "at work\n", NOW)
    step = me.finished(uid(1), WorkReport(outcome="succeeded"), NOW)
    (result,) = [message for message in step.messages if isinstance(message, TaskResult)]
    me.closed()
    me.opened(NOW.later(1))
    sent = me.receive(welcome(session=uid(2)), NOW.later(1)).messages
    assert result in sent
    assert [message.text for message in sent if isinstance(message, LogChunk)] == ["at work\n", ""]


def test_news_wait_for_the_answer_to_the_heartbeat_before() -> None:
    """A slow orchestrator is sent no more of them than it answers."""
    pair = Pair().begin()
    pair.now = pair.now.later(30)
    (beat,) = pair.agent.tick(pair.now).messages
    seen = [DocumentReport(id="web", phase="converged")]
    pair.agent.observed(seen, pair.now)
    assert pair.agent.tick(pair.now.later(20)).messages == ()
    pair.now = pair.now.later(21)
    pair.to_agent(pair.server.receive(beat, pair.now))
    assert pair.seen(DocumentsReported)[-1].documents != ()


@given(st.text(), st.integers(0, 100))
def test_a_pause_grows_and_is_bounded(name: str, times: int) -> None:
    assert FIRST_S <= pause(name, 0) <= FIRST_S * 1.5
    assert pause(name, times) <= LONGEST_S * 1.5
    assert pause(name, times + 2) > pause(name, times) or pause(name, times) >= LONGEST_S


@pytest.mark.fault("N10")
def test_results_that_are_never_acknowledged_do_not_hold_up_the_others() -> None:
    me = greeted(agent())
    tasks = tuple(as_value(task(number, target_id="host-b")) for number in range(1, 41))
    me.receive(full(tasks=tasks), NOW)
    told = {message.task_id for message in ticks(me, 100) if isinstance(message, TaskResult)}
    assert {uid(number) for number in range(33, 41)} < told


def ticks(me: AgentSession, seconds: int) -> list[Message]:
    """What is sent meanwhile, to somebody who answers pings alone."""
    sent: list[Message] = []
    for second in range(seconds):
        me.receive(Ping(session=uid(1), number=second), NOW.later(second))
        sent += me.tick(NOW.later(second)).messages
    return sent


@pytest.mark.fault("N11")
def test_few_pieces_of_logs_are_under_way_at_once() -> None:
    me = agent()
    for number in range(1, 101):
        me.said(uid(number), "x" * 5_000, NOW)
    me.opened(NOW)
    sent = [message for message in me.receive(welcome(), NOW).messages if isinstance(message, LogChunk)]
    assert len(sent) == 32
    next_ = LogPosition(task_id=sent[0].task_id, attempt=1, next=1)
    told = Acknowledgement(session=uid(1), results=(), logs=(next_,))
    assert len([item for item in me.receive(told, NOW).messages if isinstance(item, LogChunk)]) == 1


@pytest.mark.fault("N10")
def test_an_acknowledgement_that_was_lost_comes_with_the_next_heartbeats_answer() -> None:
    pair = Pair().begin()
    pair.server.receive(result(pair), pair.now)
    pair.now = pair.now.later(30)
    beats = [message for message in pair.agent.tick(pair.now).messages if isinstance(message, Heartbeat)]
    (answer,) = pair.server.receive(beats[0], pair.now).messages
    assert isinstance(answer, HeartbeatAnswer)
    pair.agent.receive(answer, pair.now)
    assert pair.agent.desk.results == {}


@pytest.mark.fault("N11")
def test_of_very_many_tasks_as_many_are_taken_as_there_is_room_for_and_all_are_answered() -> None:
    """What an agent holds of them is bounded at every moment."""
    pair = Pair(me=agent(places=20, limits=Limits(tasks=100)))
    for number in range(1, 401):
        pair.log.hand_out(task(number, "inspect", document=None))
    pair.begin()
    for _ in range(20):
        assert len(pair.agent.desk.results) <= 100
        pair.wait(2)
    assert len(pair.agent.desk.entries) == 20
    told = pair.seen(Finished)
    assert {(event.result.error_type, event.result.retriable) for event in told} == {("too-many-tasks", True)}
    assert (len(pair.log.open_tasks), pair.agent.desk.free_places) == (20, 0)


@pytest.mark.fault("N11")
def test_a_message_of_ten_thousand_tasks_is_refused_by_their_number() -> None:
    message = full(tasks=({"id": "x"},) * 1_001)
    with pytest.raises(MessageRefused, match="tasks"):
        read(render(message), OF_ORCHESTRATORS)


@pytest.mark.fault("N11")
def test_a_message_of_a_hundred_megabytes_is_refused_by_its_length() -> None:
    with pytest.raises(MessageRefused) as caught:
        read(b" " * (100 << 20), OF_AGENTS)
    assert caught.value.reason == "too-large"


def test_what_a_task_says_is_streamed_and_goes_on_after_a_cut() -> None:
    pair = Pair(SOCKET).begin()
    pair.log.hand_out(task(1, "inspect"))
    pair.to_agent(pair.server.tick(pair.now))
    pair.to_server(pair.agent.said(uid(1), "one\n", pair.now))
    pair.agent.closed()
    pair.agent.said(uid(1), "two\n", pair.now)
    pair.begin()
    pair.to_server(pair.agent.finished(uid(1), WorkReport(outcome="succeeded"), pair.now))
    assert [(event.text, event.last) for event in pair.seen(Logged)] == [
        ("one\n", False),
        ("two\n", False),
        ("", True),
    ]
    pair.wait(60)
    assert len(pair.seen(Logged)) == 3


def test_logs_of_too_many_tasks_are_given_up_oldest_first() -> None:
    me = agent()
    for number in range(1, 301):
        me.said(uid(number), "x", NOW)
    me.opened(NOW)
    queue, told = list(me.receive(welcome(), NOW).messages), set()
    while queue:
        message = queue.pop()
        if isinstance(message, LogChunk):
            told.add(message.task_id)
            position = LogPosition(task_id=message.task_id, attempt=1, next=message.number + 1)
            queue += me.receive(Acknowledgement(session=uid(1), results=(), logs=(position,)), NOW).messages
    assert told == {uid(number) for number in range(101, 301)}


def test_a_heartbeat_tells_what_became_of_documents_and_how_wrong_the_clock_is() -> None:
    pair = Pair(me=agent())
    pair.log.assign(document(generation=2))
    pair.to_server(pair.agent.opened(Moment(NOW.at + timedelta(seconds=12), NOW.ticks)))
    seen = DocumentReport(id="web", version="", generation=0, phase="converged", sync="synced")
    pair.agent.observed([seen], pair.now)
    pair.wait(30)
    beat = pair.seen(Alive)[-1]
    assert beat.free_places == 200
    held = pair.agent.held.documents["web"]
    step = pair.agent.tick(pair.now.later(30))
    (message,) = step.messages
    assert isinstance(message, Heartbeat)
    assert message.documents == (
        DocumentReport(id="web", version=held.version, generation=2, phase="converged", sync="synced"),
    )
    assert message.clock_error_ms is not None


def test_news_of_a_document_are_told_within_a_second_and_the_same_again_with_the_next_heartbeat() -> None:
    pair = Pair().begin()
    pair.log.assign(document(generation=2))
    pair.wait(29)
    told = len(pair.seen(Alive))
    seen = DocumentReport(id="web", phase="converged", sync="synced")
    pair.agent.observed([seen], pair.now)
    pair.wait(1)
    assert len(pair.seen(Alive)) == told + 1
    pair.agent.observed([seen], pair.now)
    pair.wait(1)
    assert len(pair.seen(Alive)) == told + 1


def test_work_goes_on_without_a_session() -> None:
    pair = Pair().begin()
    pair.log.hand_out(task(1, document="web"))
    pair.log.hand_out(task(2, document="web"))
    pair.wait(30)
    pair.agent.closed()
    late = pair.now.later(60)
    assert pair.agent.pass_no_return(uid(1), late)[0] is None
    step = pair.agent.finished(uid(1), WorkReport(outcome="succeeded"), late)
    assert [event.entry.task.id for event in step.events if isinstance(event, Begin)] == [uid(2)]
    assert step.messages == ()
    assert len(pair.agent.desk.results) == 1


def test_a_cancelled_task_is_told_to_the_agent_once() -> None:
    pair = Pair(SOCKET).begin()
    pair.log.hand_out(task(1))
    wish = Cancel(task_id=uid(1), idempotency_key="key-1", reason="not needed", actor=ALICE)
    pair.log.cancel(wish)
    before = pair.log.position
    pair.log.cancel(wish)
    pair.log.cancel(replace(wish, task_id=uid(2)))
    assert pair.log.position == before
    pair.to_agent(pair.server.tick(pair.now))
    assert pair.agent.held.cancels == {uid(1): wish}
    assert [item.outcome for item in pair.agent.desk.results.values()] in ([], ["cancelled"])


def test_who_is_too_far_behind_is_told_all_of_it() -> None:
    log = AssignmentLog("set-1")
    for number in range(1_500):
        log.assign(document(generation=number + 1))
    (whole,) = log.since(SetPosition("set-1", 2), uid(1))
    assert (whole.mode, len(whole.documents)) == ("full", 1)
    (change,) = log.since(SetPosition("set-1", 1_400), uid(1))
    assert (change.mode, change.applies_to, change.results_in) == ("increment", 1_400, 1_501)
    (other,) = log.since(SetPosition("set-0", 1_400), uid(1))
    assert other.mode == "full"
    (ahead,) = log.since(SetPosition("set-1", 9_999), uid(1))
    assert ahead.mode == "full"
    assert log.since(log.position, uid(1)) == ()
