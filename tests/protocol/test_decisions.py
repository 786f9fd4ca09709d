"""Single decisions: states, lanes, clock, presence, reconnecting, logs, what is signed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.errors import TaskRefused
from reconciler.protocol import states
from reconciler.protocol.clock import Clock
from reconciler.protocol.fence import Fence
from reconciler.protocol.inbox import Entry
from reconciler.protocol.lanes import startable
from reconciler.protocol.logs import WINDOW, LogBuffer, LogCursor, tail
from reconciler.protocol.message.common import Outcome, SealedCredentials, Signature, TaskState
from reconciler.protocol.message.document import set_digest, version_of
from reconciler.protocol.message.payload import DeployPayload, ReleaseName
from reconciler.protocol.message.result import LogChunk, LogPosition, TaskMetrics, TaskResult
from reconciler.protocol.message.session import TaskReport
from reconciler.protocol.message.task import AgentTask, binding_of
from reconciler.protocol.presence import presence
from reconciler.protocol.reading import as_value, read_item
from reconciler.protocol.reconnect import LONGEST_S, Reconnect, SessionGate, spread_for
from reconciler.protocol.states import RANKS, TaskRecord, is_over, may_follow
from reconciler.protocol.wire.canonical import detached, digest, signed_part
from reconciler.protocol.wire.times import Moment, read_time, time_text
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import new_key, open_sealed, public_of, read_sealed, seal
from reconciler.sealing.release_keys import TrustedReleaseKeys, new_release_key
from reconciler.sealing.signed_task import sign_task, verify_task
from tests.protocol.makers import ME, NOW, START, document, task, uid

LEASE = timedelta(seconds=90)
RECORD = TaskRecord(task_id=uid(1), expires_at=START + timedelta(hours=1), timeout_seconds=60)


def report(state: TaskState, **changes: Any) -> TaskReport:
    return TaskReport(**{"task_id": uid(1), "attempt": 1, "state": state, "past_no_return": False, **changes})


def result(outcome: Outcome, number: int = 1) -> TaskResult:
    return TaskResult(
        task_id=uid(number),
        idempotency_key="key",
        attempt=1,
        agent=ME,
        success=outcome == "succeeded",
        outcome=outcome,
        started_at=START,
        completed_at=START,
        logs="",
        metrics=TaskMetrics(),
    )


# ---- states

DEEDS = st.one_of(
    st.sampled_from(get_args(Outcome)).map(lambda outcome: ("finish", outcome)),
    st.sampled_from(["accepted", "running", "succeeded"]).map(lambda state: ("report", state)),
    st.sampled_from([0, 60, 7_200]).map(lambda seconds: ("wait", seconds)),
    st.just(("assign", "")),
    st.just(("cancel", "")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(DEEDS, max_size=12))
def test_a_task_only_goes_forward_whatever_is_heard_in_whatever_order(deeds: list[tuple[str, Any]]) -> None:
    record, now = RECORD, START
    for deed, what in deeds:
        match deed:
            case "finish":
                after = states.finished(record, result(what))
            case "report":
                after = states.reported(record, report(what), now + LEASE)
            case "wait":
                now += timedelta(seconds=what)
                after = states.lapsed(record, now)
            case "assign":
                after = states.assigned(record, now, LEASE)
            case _:
                after = states.cancelled(record)
        assert after.state == record.state or may_follow(record.state, after.state)
        assert after.attempt >= record.attempt
        assert after.state != "queued" or record.state == "queued"
        if record.result and record.state != "unknown":
            assert after.result == record.result, "the first definite result stays"
        record = after


def test_the_orchestrator_calls_nothing_expired_or_cancelled_that_an_agent_may_have_taken() -> None:
    late = START + timedelta(hours=2)
    assert states.lapsed(RECORD, late).state == "expired"
    assert states.cancelled(RECORD).state == "cancelled"
    given_out = states.assigned(RECORD, START, LEASE)
    assert (given_out.state, given_out.attempt, given_out.lease_until) == ("assigned", 1, START + LEASE)
    asked = states.cancelled(given_out)
    assert (asked.state, asked.cancel) == ("assigned", "asked")
    assert states.lapsed(asked, START + timedelta(hours=1, seconds=1)).state == "assigned"
    silent = states.lapsed(asked, late)
    assert silent.state == "unknown"
    assert states.finished(silent, result("succeeded")).state == "succeeded", "a late result is heard"


def test_a_lease_is_renewed_by_reports_and_assigned_again_when_it_runs_out() -> None:
    record = states.assigned(RECORD, START, LEASE)
    assert states.assigned(record, START, LEASE) == record
    again = states.assigned(record, START + LEASE, LEASE)
    assert (again.state, again.attempt) == ("assigned", 2)
    running = states.reported(again, report("running", cancel="too-late"), START + 3 * LEASE)
    assert (running.state, running.lease_until, running.cancel) == ("running", START + 3 * LEASE, None)
    assert states.assigned(running, START + 2 * LEASE, LEASE) == running
    wished = states.reported(states.cancelled(running), report("running", cancel="too-late"), START)
    assert (wished.cancel, wished.lease_until) == ("too-late", START + 3 * LEASE)
    assert states.reported(running, report("accepted"), START).state == "running"
    assert states.finished(running, result("failed", number=2)) == running
    assert states.cancelled(states.finished(running, result("rolled-back"))).cancel is None


def test_every_outcome_leads_to_a_state_that_is_over() -> None:
    assert set(states.ENDS) == set(get_args(Outcome))
    assert set(RANKS) == set(get_args(TaskState))
    assert all(is_over(state) for state in states.ENDS.values())


# ---- lanes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32).map(Random), st.integers(1, 4))
def test_each_document_has_one_lane_in_the_order_of_generations(random: Random, lanes: int) -> None:
    fence, entries = Fence(), {}
    for number in range(1, 25):
        kind = random.choice(["deploy", "rollback", "execute-command", "inspect"])
        fenced = kind in {"deploy", "rollback"}
        asked = task(
            number,
            kind,
            document=random.choice(["web", "api", "db"]),
            generation=random.randint(1, 9) if fenced else None,
            priority=random.choice(["low", "normal", "high", "critical"]),
        )
        if not fence.stops_task(asked):
            fence = fence.raised_by_task(asked)
            entries[number] = Entry(task=asked, number=number)
    begun: list[Entry] = []
    while chosen := startable(entries.values(), lanes=lanes, reads=2):
        running = [item for item in entries.values() if item.state == "running" and item.task.mutates]
        mutating = [item for item in chosen if item.task.mutates]
        assert len(running) + len(mutating) <= lanes
        documents = [item.task.document for item in [*running, *mutating]]
        assert len(documents) == len(set(documents)), "one at a time for each document"
        begun += mutating
        for item in chosen:
            entries[item.number] = replace(item, state="running")
        done = random.choice([item for item in entries.values() if item.state == "running"])
        entries[done.number] = replace(done, state="succeeded")
    for name in ("web", "api", "db"):
        own = [item for item in begun if item.task.document == name]
        assert [item.number for item in own] == sorted(item.number for item in own)
        generations = [item.task.generation for item in own if item.task.generation]
        assert generations == sorted(set(generations))


def test_priority_chooses_between_documents_and_never_within_one() -> None:
    entries = [
        Entry(task=task(1, document="web", priority="low"), number=1),
        Entry(task=task(2, document="web", priority="critical"), number=2),
        Entry(task=task(3, document="api", priority="high"), number=3),
    ]
    assert [item.number for item in startable(entries, lanes=2)] == [3, 1]


def test_what_only_looks_waits_for_nobody() -> None:
    deploy = Entry(task=task(1), number=1, state="running")
    looks = [Entry(task=task(number, "inspect"), number=number) for number in range(2, 6)]
    assert startable([deploy, *looks], reads=3) == tuple(looks[:3])
    assert startable([deploy, replace(looks[0], state="running"), *looks[1:]], reads=2) == (looks[1],)
    host = [Entry(task=task(number, "upload-files", document=None), number=number) for number in (7, 8)]
    assert startable(host) == (host[0],), "what is about no document shares the host's lane"


# ---- clock


def test_the_error_of_the_servers_time_is_half_of_the_round_trip() -> None:
    clock = Clock().heard(NOW, NOW.later(2), START + timedelta(seconds=101))
    sample = clock.best(NOW.later(2))
    assert sample is not None
    assert sample.error == 1
    assert clock.offset(NOW.later(2)) == pytest.approx(100)
    better = clock.heard(NOW.later(10), NOW.later(10.2), START + timedelta(seconds=110.1))
    assert better.best(NOW.later(11)) == better.samples[1]


@given(st.floats(-50, 50), st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=12))
def test_the_servers_time_is_known_within_its_error(ahead: float, trips: list[tuple[float, float]]) -> None:
    """Whichever part of the round trip the way back was."""
    clock, now = Clock(), NOW
    for trip, part in trips:
        sent, received = now, now.later(trip)
        clock = clock.heard(sent, received, received.at + timedelta(seconds=ahead - trip * part))
        now = received.later(10)
    best = clock.best(now)
    assert best is not None
    wrong = abs((clock.server_time(now) - now.at).total_seconds() - ahead)
    assert wrong <= best.error_at(now) + 1e-3
    assert clock.trouble(now) == ""


def test_a_clock_that_is_wrong_or_jumps_or_is_not_known_is_told() -> None:
    assert "not known yet" in Clock().trouble(NOW)
    assert Clock().server_time(NOW) == NOW.at
    good = Clock(limit=60).heard(NOW, NOW, START)
    assert good.trouble(NOW.later(3_600)) == ""
    set_back = Moment(START - timedelta(hours=1), NOW.ticks + 10)
    assert "has jumped" in good.trouble(set_back)
    assert good.server_time(set_back) == START + timedelta(seconds=10), "what is expired does not depend on it"
    heard = good.heard(set_back, set_back, START + timedelta(seconds=10))
    assert len(heard.samples) == 1, "what was known before the jump is forgotten"
    assert "3610 s off; 60 are allowed" in heard.trouble(set_back)
    slow = Clock(limit=60).heard(NOW, NOW.later(200), START + timedelta(seconds=100))
    assert "within 100 s only" in slow.trouble(NOW.later(200))


# ---- presence


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (-5, "online"),
        (0, "online"),
        (119, "online"),
        (120, "degraded"),
        (299, "degraded"),
        (300, "offline"),
        (3_599, "offline"),
        (3_600, "stale"),
    ],
)
def test_an_agent_is_there_by_its_last_heartbeat(seconds: int, state: str) -> None:
    assert presence(START, START + timedelta(seconds=seconds)) == state
    assert presence(None, START) == "stale"


# ---- reconnecting


@pytest.mark.fault("N12")
def test_two_thousand_agents_come_back_as_a_trickle() -> None:
    """All lose the orchestrator at once; it lets so many in a second in, and the others come again later."""
    random = Random(12)  # noqa: S311
    agents, gate = 2_000, SessionGate()
    spread = spread_for(agents)
    queue = [(Reconnect(spread).delay(random.random()), number, Reconnect(spread)) for number in range(agents)]
    admitted, tries = Counter[int](), Counter[int]()
    while queue:
        queue.sort()
        at, number, way = queue.pop(0)
        tries[int(at)] += 1
        gate, wait = gate.admit(f"host-{number}", at)
        if wait:
            way = way.failed(wait)
            queue.append((at + way.delay(random.random()), number, way))
        else:
            admitted[int(at)] += 1
    assert sum(admitted.values()) == agents
    assert max(tries.values()) <= 41, "nobody sees a stampede"
    assert max(admitted.values()) <= 41
    assert max(admitted) <= 4 * spread


def test_the_spread_grows_with_the_fleet_and_with_failures() -> None:
    assert (spread_for(1), spread_for(2_000), spread_for(10**6)) == (5, 100, LONGEST_S)
    way = Reconnect(40)
    assert way.delay(1.0) == 40
    assert way.failed().delay(0.5) == 40
    assert way.failed().failed(7).delay(1.0) == 167
    for _ in range(99):
        way = way.failed()
    assert way.delay(1.0) == LONGEST_S
    assert way.lost(3).delay(0.0) == 3
    assert way.welcomed(9) == Reconnect(9)


@pytest.mark.fault("N3")
def test_an_agent_whose_link_flaps_is_held_off() -> None:
    gate, admitted = SessionGate(), []
    for second in range(100):
        gate, wait = gate.admit("host-a", float(second))
        if not wait:
            admitted.append(second)
    assert admitted[:3] == [0, 1, 2]
    assert len(admitted) <= 3 + 100 / 8
    assert gate.admit("host-b", 99.0)[1] == 0, "another agent is not held off by it"


# ---- logs


class LogLink:
    """A task's log on its way, over a link that loses, doubles and reorders its pieces."""

    def __init__(self) -> None:
        self.buffer, self.cursor = LogBuffer(uid(1), 1), LogCursor(task_id=uid(1))
        self.under_way: list[LogChunk] = []
        self.taken = ""

    def take(self, chunk: LogChunk) -> None:
        after = self.cursor.took(chunk)
        if after:
            self.cursor, self.taken = after, self.taken + chunk.text

    def carry(self, random: Random) -> None:
        self.under_way += self.buffer.take(uid(9))
        if not self.under_way or random.random() < 0.3:
            return
        chunk = self.under_way.pop(random.randrange(len(self.under_way)))
        self.under_way += [chunk] * (random.random() < 0.2)
        self.take(chunk)
        if random.random() < 0.7:
            self.buffer.acknowledged(self.cursor.position)

    def finish(self) -> None:
        """No more faults."""
        self.buffer.end()
        while not self.buffer.done:
            self.buffer.again()
            for chunk in self.buffer.take(uid(9)):
                self.take(chunk)
            self.buffer.acknowledged(self.cursor.position)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32).map(Random))
def test_a_log_arrives_whole_and_once_over_a_bad_link(random: Random) -> None:
    link, said = LogLink(), ""
    for _ in range(300):
        if random.random() < 0.2:
            line = random.choice(["ä€🚀", "line\n"]) * random.randint(1, 9)
            said += line
            link.buffer.add(line, chunk_bytes=random.randint(4, 30))
        if random.random() < 0.1:
            link.buffer.again()
        link.carry(random)
    link.finish()
    assert link.taken == said
    assert (link.cursor.complete, link.cursor.dropped) == (True, 0)
    link.buffer.add("late")
    assert link.buffer.take(uid(9)) == ()


def test_a_log_without_a_reader_is_bounded_and_tells_what_was_lost() -> None:
    buffer = LogBuffer(uid(1), 1, kept_bytes=100)
    for number in range(50):
        buffer.add(f"line {number:04}\n")
    chunks = buffer.take(uid(9))
    assert len(chunks) <= WINDOW
    assert sum(len(chunk.text) for chunk in chunks) <= 100
    assert (chunks[0].number, chunks[0].dropped_chunks, chunks[1].dropped_chunks) == (40, 40, 0)
    cursor = LogCursor(task_id=uid(1)).took(chunks[0])
    assert cursor is not None
    assert (cursor.next, cursor.dropped) == (41, 40)


def test_an_orchestrator_that_has_forgotten_a_log_gets_what_is_left() -> None:
    buffer = LogBuffer(uid(1), 1)
    for text in ("a", "b", "c"):
        buffer.add(text)
    assert buffer.acknowledged(LogPosition(task_id=uid(1), attempt=1, next=2))
    assert not buffer.acknowledged(LogPosition(task_id=uid(1), attempt=1, next=99))
    assert not buffer.acknowledged(LogPosition(task_id=uid(1), attempt=2, next=3))
    buffer.again()
    (chunk,) = buffer.take(uid(9))
    forgotten = LogCursor(task_id=uid(1))
    assert forgotten.took(chunk) is None
    assert buffer.acknowledged(forgotten.position)
    (chunk,) = buffer.take(uid(9))
    after = forgotten.took(chunk)
    assert after is not None
    assert (chunk.text, chunk.dropped_chunks, after.next) == ("c", 2, 3)


def test_a_later_try_begins_its_log_anew() -> None:
    first, second = LogBuffer(uid(1), 1), LogBuffer(uid(1), 2)
    for buffer in (first, second):
        buffer.add("x")
    (early,), (late,) = first.take(uid(9)), second.take(uid(9))
    cursor = LogCursor(task_id=uid(1)).took(early)
    assert cursor is not None
    later = cursor.took(late)
    assert later is not None
    assert (later.attempt, later.next) == (2, 1)
    assert later.took(early) is None


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 40))
def test_the_tail_of_a_text_fits_and_is_its_end(text: str, most: int) -> None:
    found = tail(text, max(most, 6))
    assert len(found.encode()) <= max(most, 6)
    assert text.endswith(found.removeprefix("[…] "))


# ---- what is signed, sealed and compared


def test_a_signature_is_over_all_but_itself_and_over_what_it_is() -> None:
    plain = as_value(task())
    signed = as_value(task(signature=Signature("Ed25519", "release", "QQ==")))
    assert signed_part(signed) == plain
    assert plain["kind"] == "AgentTask"
    assert detached(signed) == {"keyId": "release", "signature": "QQ==", "task": plain}
    assert detached(plain) == {"keyId": "", "signature": "", "task": plain}


@pytest.mark.fault("N9")
def test_a_signed_item_verifies_until_any_byte_of_it_is_altered() -> None:
    """With the keys that sign."""
    key = new_release_key()
    trusted = TrustedReleaseKeys([key.public])
    for item in (task(), document()):
        made = json.loads(sign_task(as_value(item), key))
        signed = as_value(replace(item, signature=Signature("Ed25519", made["keyId"], made["signature"])))
        assert verify_task(detached(signed), trusted, target=ME) == as_value(item)
        for name in signed.keys() - {"signature"}:
            with pytest.raises(TaskRefused):
                verify_task(detached({**signed, name: "altered"}), trusted, target=ME)
        with pytest.raises(TaskRefused):
            verify_task(detached(as_value(item)), trusted, target=ME)


def test_equal_requests_have_one_hash_however_they_are_delivered() -> None:
    first = task()
    again = replace(first, id=uid(2), attempt=9, priority="high", expires_at=START, idempotency_key="other")
    assert again.request_hash == first.request_hash
    assert replace(first, timeout_seconds=61).request_hash != first.request_hash
    assert replace(first, target_id="host-b").request_hash != first.request_hash


def test_credentials_are_bound_to_one_task_of_one_agent() -> None:
    asked = task(expires_at=START + timedelta(seconds=9.5))
    bound = binding_of(asked)
    assert (bound.agent, bound.task, bound.generation) == (ME, uid(1), 1)
    key = new_key()
    binding = Binding(agent=bound.agent, task=bound.task, generation=bound.generation, expires=bound.expires)
    box = seal({"login": Secret(b"geheim")}, binding, public_of(key)).value()
    sealed = SealedCredentials(version=box["version"], binding=bound, key=box["key"], ciphertext=box["ciphertext"])
    value = as_value(replace(asked, credentials=sealed))
    assert value["credentials"] == box, "what seals and what travels have one form"
    assert read_item(value, AgentTask).credentials == sealed
    assert box["ciphertext"] not in repr(read_item(value, AgentTask))
    opened = open_sealed(read_sealed(value["credentials"]), binding, key, now=0.0)
    assert opened["login"].reveal() == b"geheim"
    for other in (task(2), task(target_id="host-b"), task(generation=2), task()):
        assert binding_of(other) != bound


def test_the_version_of_a_document_is_that_of_its_content() -> None:
    assert version_of("a") != version_of("b")
    one, two = document("web").held, document("api").held
    assert set_digest([one, two]) == set_digest([two, one]) != set_digest([one])
    assert digest({"a": 1}).startswith("sha256:")


def test_a_deploy_task_stands_for_a_document() -> None:
    payload = DeployPayload(
        document_kind="Container",
        release=ReleaseName("1.4.1", "shop"),
        image="registry.example.com/web",
        digest=f"sha256:{'a' * 64}",
        config={"memoryLimit": "64Mi"},
        labels={"team": "shop"},
        spec={"strategy": {"retries": 1}},
    )
    assert payload.document("web") == {
        "apiVersion": "stella/v1",
        "kind": "Container",
        "metadata": {"name": "web", "labels": {"team": "shop"}},
        "spec": {
            "release": {"id": "1.4.1", "name": "shop"},
            "image": "registry.example.com/web",
            "digest": f"sha256:{'a' * 64}",
            "config": {"memoryLimit": "64Mi"},
            "strategy": {"retries": 1},
        },
    }
    assert "64Mi" not in repr(payload)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 (the zone is put on below)
def test_a_time_has_one_text(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert read_time(time_text(aware)) == aware


def test_a_time_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001 (that is the mistake)
