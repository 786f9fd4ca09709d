"""Whether an agent takes a task: what comes twice, late, for others, or against the host's own policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.protocol.admission import Identity, unexpected
from reconciler.protocol.agent_policy import AgentPolicy, NamedCommand, refusal
from reconciler.protocol.clock import Clock
from reconciler.protocol.fence import Fence
from reconciler.protocol.held import Held
from reconciler.protocol.inbox import Entry, asked_to_cancel, began, ended, entry_value, passed, read_entry
from reconciler.protocol.message.common import SealedCredentials, Signature
from reconciler.protocol.message.payload import ExecuteCommandPayload, UploadedFile, UploadFilesPayload
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import Cancel
from reconciler.protocol.message.task import AgentTask, binding_of
from reconciler.protocol.reading import as_value
from reconciler.protocol.session.desk import DeskSettings, Kept, TaskDesk
from reconciler.protocol.session.events import (
    Begin,
    Event,
    ForgetTask,
    KeepFence,
    KeepTask,
    Refused,
    Stop,
    TakeWish,
)
from reconciler.protocol.session.work import WorkReport
from reconciler.protocol.wire.limits import Limits
from tests.protocol.makers import ALICE, DIGEST, ME, NOW, task, uid

CLOCK = Clock().heard(NOW, NOW, NOW.at)
EVERYTHING = AgentPolicy(
    task_types=frozenset({*AgentPolicy().task_types, "execute-command", "upload-files"}),
    commands={"migrate": NamedCommand(argv=("migrate",), arguments=1, longest_seconds=60)},
    upload_roots=("/srv",),
)


def desk(kept: Kept | None = None, *, verify: str = "", **changes: Any) -> TaskDesk:
    settings = DeskSettings(identity=Identity(agent=ME, targets=("host-a-docker",)), verify=lambda item: verify)
    return TaskDesk(replace(settings, **{"policy": EVERYTHING, **changes}), kept or Kept())


def take(place: TaskDesk, *tasks: AgentTask, held: Held | None = None, clock: Clock = CLOCK) -> list[Event]:
    return place.take([as_value(item) for item in tasks], held or Held(), clock, NOW)


def told(place: TaskDesk) -> TaskResult:
    """The one result that is to be told."""
    (result,) = place.results.values()
    return result


def do(place: TaskDesk, number: int = 1) -> None:
    """The work of an accepted task, to a good end."""
    place.start(CLOCK, NOW)
    assert place.pass_no_return(uid(number), CLOCK, NOW)[0] is None
    place.finish(uid(number), WorkReport(outcome="succeeded", outputs={"n": number}), NOW.later(2))


def test_a_task_is_kept_with_its_fence_before_its_work_begins() -> None:
    place = desk()
    fence, kept = take(place, task(3))
    assert fence == KeepFence("web", Fence({"web": 3}))
    assert isinstance(kept, KeepTask)
    assert kept.entry.state == "accepted"
    running, begin = place.start(CLOCK, NOW)
    assert isinstance(running, KeepTask)
    assert running.entry.state == "running"
    assert begin == Begin(running.entry, NOW.ticks + 60)


@pytest.mark.fault("N4")
def test_the_same_request_again_has_the_same_result_and_no_second_effect() -> None:
    place = desk()
    take(place, task(), task())
    do(place)
    first = told(place)
    assert [type(event) for event in take(place, task())] == [KeepTask]
    assert place.start(CLOCK, NOW) == []
    assert told(place) == first
    place.acknowledged([first.key])
    take(place, task(attempt=2, priority="high", assigned_at=NOW.at))
    assert told(place) == replace(first, attempt=2)


def test_a_repeat_under_another_id_is_answered_as_that() -> None:
    place = desk()
    take(place, task())
    do(place)
    take(place, task(7, idempotency_key="key-1", generation=1))
    assert told(place).task_id == uid(7)
    assert told(place).outputs == {"n": 1}


@pytest.mark.fault("N4")
def test_the_same_key_with_another_request_is_refused_and_changes_nothing() -> None:
    place = desk()
    take(place, task())
    do(place)
    before = told(place)
    (event,) = take(place, task(timeout_seconds=61))
    assert isinstance(event, Refused)
    assert told(place) == before, "the same task altered: what is known of it stays"
    take(place, task(8, idempotency_key="key-1"))
    other = next(item for item in place.results.values() if item.task_id == uid(8))
    assert (other.outcome, other.error_type, other.retriable) == ("refused", "key-reused", False)


@pytest.mark.fault("N6")
def test_a_replay_is_refused_after_a_restart_too() -> None:
    place = desk()
    take(place, task(5))
    do(place, 5)
    entries = tuple(read_entry(entry_value(entry)) for entry in place.entries)
    again = desk(Kept(entries, place.fence))
    take(again, task(5))
    assert again.start(CLOCK, NOW) == []
    assert told(again) == told(place)
    late = NOW.later(9_000)
    clock = Clock().heard(late, late, late.at)
    again.acknowledged([told(again).key])
    assert again.start(clock, late) == [ForgetTask("key-5")]
    again.take([as_value(task(5))], Held(), clock, late)
    assert told(again).outcome == "expired", "what is forgotten can no longer be in time"


@pytest.mark.fault("N5")
def test_a_lower_or_equal_generation_is_refused() -> None:
    place = desk()
    take(place, task(6))
    take(place, task(5))
    assert (told(place).error_type, place.fence.tasks) == ("stale-generation", {"web": 6})
    take(place, task(7, generation=6))
    assert {item.task_id for item in place.results.values()} == {uid(5), uid(7)}
    assert [event.entry.task.id for event in place.start(CLOCK, NOW) if isinstance(event, Begin)] == [uid(6)]


def test_tasks_of_one_message_are_taken_in_the_order_of_their_generations() -> None:
    place = desk()
    take(place, task(9), task(8), task(3, document="api"))
    assert [entry.task.id for entry in place.entries] == [uid(3), uid(8), uid(9)]


def test_a_task_below_the_document_that_is_held_is_refused_and_one_of_the_same_wish_is_not() -> None:
    place = desk(Kept(fence=Fence(documents={"web": 4})))
    take(place, task(3))
    assert told(place).error_type == "stale-generation"
    take(place, task(4))
    assert place.entries


@pytest.mark.parametrize(
    ("asked", "error_type", "words"),
    [
        (task(target_id="host-b"), "not-addressed", "another target than host-a"),
        (task(type="execute-command", payload=ExecuteCommandPayload(command="rm")), "policy", "no command rm"),
        (task(timeout_seconds=9_999), "policy", "may take 9999 s"),
    ],
)
def test_what_is_not_for_this_host_is_refused_with_the_reason(
    asked: AgentTask, error_type: str, words: str
) -> None:
    place = desk()
    (event,) = take(place, asked)
    assert isinstance(event, Refused)
    result = told(place)
    assert (result.outcome, result.error_type, result.success) == ("refused", error_type, False)
    assert words in (result.error or "")
    assert place.entries == ()


def test_a_task_for_a_further_host_of_this_agent_is_taken() -> None:
    place = desk()
    take(place, task(target_id="host-a-docker"))
    assert place.entries


def test_a_forged_task_is_refused_before_it_is_kept() -> None:
    place = desk(verify="the signature is not that of a known key")
    take(place, task())
    assert (told(place).error_type, place.fence) == ("signature", Fence())


def test_credentials_of_another_task_are_refused() -> None:
    stolen = SealedCredentials(version=1, binding=binding_of(task(2)), key="k", ciphertext="QQ==")
    place = desk()
    take(place, task(1, credentials=stolen))
    assert told(place).error_type == "credentials"
    take(place, task(2, credentials=stolen))
    (entry,) = place.entries
    assert entry.task.credentials == stolen
    do(place, 2)
    take(place, task(2, credentials=stolen))
    (entry,) = place.entries
    assert entry.task.credentials is None, "they are not kept for longer than they are needed"


@pytest.mark.fault("N7")
def test_an_expired_task_is_refused_by_the_servers_clock() -> None:
    """Before the first effect."""
    place = desk()
    ahead = Clock(limit=10_000).heard(NOW, NOW, NOW.at + timedelta(hours=1))
    take(place, task(), clock=ahead)
    assert (told(place).outcome, place.entries) == ("expired", ())


@pytest.mark.fault("N7")
def test_a_task_that_expires_while_it_waits_or_pulls_never_has_its_effect() -> None:
    """Before the point of no return."""
    place = desk(lanes=1)
    take(place, task(1, document="api"), task(2))
    place.start(CLOCK, NOW)
    late = NOW.later(3_600)
    stop, events = place.pass_no_return(uid(1), CLOCK, late)
    assert stop is not None
    assert (stop.outcome, events) == ("expired", [])
    place.start(CLOCK, late)
    assert told(place).task_id == uid(2), "the one that was still waiting has ended by itself"
    assert told(place).outcome == "expired"


def test_past_the_point_of_no_return_nothing_expires() -> None:
    place = desk()
    take(place, task())
    place.start(CLOCK, NOW)
    _, (kept, taken) = place.pass_no_return(uid(1), CLOCK, NOW)
    assert isinstance(kept, KeepTask)
    assert kept.entry.past_no_return
    assert taken == TakeWish(uid(1)), "at once: no kill leaves one without the other"
    assert place.pass_no_return(uid(1), CLOCK, NOW.later(9_999)) == (None, [taken])


def test_nothing_is_changed_while_the_clock_is_wrong_but_reads_go_on() -> None:
    wrong = Clock(limit=60).heard(NOW, NOW, NOW.at - timedelta(minutes=2))
    place = desk()
    take(place, task(1), task(2, "inspect"), clock=wrong)
    assert (told(place).error_type, told(place).retriable) == ("clock-skew", True)
    assert [entry.task.type for entry in place.entries] == ["inspect"]
    take(place, task(1, attempt=2))
    assert len(place.entries) == 2, "a refusal is decided anew"
    assert place.results == {}


def test_a_task_that_waits_is_not_begun_while_the_clock_is_in_doubt() -> None:
    place = desk()
    take(place, task())
    assert place.start(Clock(), NOW) == []
    assert place.start(CLOCK, NOW)


@pytest.mark.fault("N11")
def test_there_is_room_for_so_many_open_tasks_and_no_more() -> None:
    place = desk(places=2)
    take(place, task(1), task(2), task(3))
    assert (len(place.entries), place.free_places) == (2, 0)
    assert (told(place).error_type, told(place).retriable) == ("too-many-tasks", True)


def test_of_many_refusals_the_oldest_are_forgotten() -> None:
    place = desk(limits=Limits(tasks=100))
    take(place, *(task(number, target_id="host-b") for number in range(1, 301)))
    assert (len(place.results), place.untold) == (100, True)
    place.acknowledged([item.key for item in place.results.values()])
    assert place.results == {}


@pytest.mark.parametrize(
    ("change", "error_type"),
    [
        ({"type": "format-disk"}, "invalid"),
        ({"mustUnderstand": ["canary-waves"]}, "not-understood"),
        ({"apiVersion": "fleet/v9"}, "unknown-version"),
        ({"attempt": "x"}, "invalid"),
        ({"colour": "red"}, "invalid"),
    ],
)
@pytest.mark.fault("N13")
def test_a_task_that_cannot_be_read_is_answered_with_the_reason(change: dict[str, Any], error_type: str) -> None:
    place = desk()
    (event,) = place.take([{**as_value(task()), **change}], Held(), CLOCK, NOW)
    assert isinstance(event, Refused)
    assert (told(place).outcome, told(place).error_type, told(place).task_id) == ("refused", error_type, uid(1))


@pytest.mark.parametrize(
    "item", [{}, {"id": "x", "idempotencyKey": "k"}, {"id": uid(1)}, {"id": 7, "idempotencyKey": "k"}]
)
def test_a_task_without_a_name_cannot_be_answered(item: dict[str, Any]) -> None:
    place = desk()
    assert [type(event) for event in place.take([item], Held(), CLOCK, NOW)] == [Refused]
    assert place.results == {}


def cancel(number: int = 1) -> Cancel:
    return Cancel(task_id=uid(number), idempotency_key=f"key-{number}", reason="", actor=ALICE)


def test_a_task_is_cancelled_until_its_point_of_no_return() -> None:
    place = desk(lanes=1)
    take(place, task(1), task(2))
    place.start(CLOCK, NOW)
    waiting = place.cancel([cancel(2)], NOW)
    assert isinstance(waiting[0], KeepTask)
    assert (waiting[0].entry.state, told(place).outcome) == ("cancelled", "cancelled")
    kept, stop = place.cancel([cancel(1)], NOW)
    assert isinstance(kept, KeepTask)
    assert (kept.entry.cancel, kept.entry.state, stop) == ("noted", "running", Stop(uid(1)))
    assert place.cancel([cancel(1), cancel(9)], NOW) == [], "once is enough"
    refused, _ = place.pass_no_return(uid(1), CLOCK, NOW)
    assert refused is not None
    assert refused.outcome == "cancelled"


def test_past_the_point_of_no_return_cancelling_is_too_late() -> None:
    place = desk()
    take(place, task())
    place.start(CLOCK, NOW)
    place.pass_no_return(uid(1), CLOCK, NOW)
    (kept,) = place.cancel([cancel()], NOW)
    assert isinstance(kept, KeepTask)
    assert kept.entry.report.cancel == "too-late"
    place.finish(uid(1), WorkReport(outcome="succeeded"), NOW)
    assert told(place).outcome == "succeeded"


def test_a_task_that_was_cancelled_before_it_came_is_not_taken() -> None:
    place = desk()
    take(place, task(), held=Held(cancels={uid(1): cancel()}))
    assert (told(place).outcome, place.entries) == ("cancelled", ())


def test_work_that_was_cut_off_goes_on_or_is_unknown() -> None:
    place = desk()
    take(place, task(1), task(2, "execute-command", document="api"))
    place.start(CLOCK, NOW)
    again = desk(Kept(place.entries, place.fence))
    events = again.resume(NOW)
    assert [event.again for event in events if isinstance(event, Begin)] == [True]
    assert (told(again).outcome, told(again).error_type) == ("unknown", "interrupted")
    again.finish(uid(2), WorkReport(outcome="failed", error="it had failed"), NOW)
    assert told(again).outcome == "failed", "what is known later replaces what was not known"
    again.finish(uid(2), WorkReport(outcome="succeeded"), NOW)
    assert told(again).outcome == "failed"


@pytest.mark.fault("N10")
def test_an_older_result_that_is_acknowledged_leaves_the_newer_one_to_be_told() -> None:
    """Only the newest is kept, and no acknowledgement of another one counts for it."""
    entry = Entry(task=task(1, "execute-command"), number=1, state="running")
    place = desk(Kept((entry,)))
    place.resume(NOW)
    older = told(place)
    place.finish(uid(1), WorkReport(outcome="failed"), NOW)
    assert place.acknowledged([older.key]) == []
    newer = told(place)
    assert newer.outcome == "failed"
    assert [type(event) for event in place.acknowledged([newer.key])] == [KeepTask]
    assert (place.results, place.reports) == ({}, ())


def test_an_entry_that_is_over_stays_as_it_ended() -> None:
    place = desk()
    take(place, task())
    do(place)
    (entry,) = place.entries
    assert entry.result is not None
    other = replace(entry.result, outcome="failed", success=False)
    assert ended(entry, other) == began(entry, NOW.at) == passed(entry) == asked_to_cancel(entry) == entry


def test_what_nobody_works_on_does_not_pass_and_does_not_end() -> None:
    place = desk()
    stop, _ = place.pass_no_return(uid(1), CLOCK, NOW)
    assert stop is not None
    assert stop.error_type == "not-running"
    assert place.finish(uid(1), WorkReport(outcome="succeeded"), NOW) == []
    assert place.attempt(uid(1)) == 1


def test_a_result_is_bounded_and_shows_where_it_was_cut() -> None:
    place = desk()
    take(place, task(1, "inspect"))
    place.start(CLOCK, NOW)
    long = WorkReport(outcome="failed", error="é" * 9_000, logs="x" * 99_999, outputs={"a": "b" * 300_000})
    place.finish(uid(1), long, NOW)
    result = told(place)
    assert result.logs.startswith("[…] x")
    assert len(result.logs.encode()) == 65_536
    assert len((result.error or "").encode()) <= 4_096
    assert result.outputs == {"cut": "the outputs had 300008 bytes; 262144 are sent"}
    assert result.retriable is False


def test_a_task_may_name_what_it_expects_to_run() -> None:
    asked = task(expected_release="1.4.0")
    assert unexpected(asked, "1.4.0") is None
    assert unexpected(task(), "1.4.0") is None
    for running, words in (("1.3.9", "1.3.9 runs"), ("", "nothing runs")):
        refused = unexpected(asked, running)
        assert refused is not None
        assert words in refused.reason


UPLOAD = UploadFilesPayload(
    directory="/srv/www", files=(UploadedFile(path="a/b", sha256=DIGEST, size_bytes=3, mode="0644"),)
)


def upload(directory: str = "/srv/www", path: str = "a/b", size: int = 3) -> AgentTask:
    file = UploadedFile(path=path, sha256=DIGEST, size_bytes=size, mode="0644")
    return task(type="upload-files", payload=UploadFilesPayload(directory=directory, files=(file,)))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (upload(), ""),
        (upload(directory="/srv"), ""),
        (upload(directory="/etc"), "uploadRoots"),
        (upload(directory="/srv/../etc"), "uploadRoots"),
        (upload(directory="/srvx"), "uploadRoots"),
        (upload(path="../b"), "without detours"),
        (upload(path="a/../../b"), "without detours"),
        (upload(path="a//b"), "without detours"),
        (upload(path=".."), "without detours"),
        (upload(path="."), "without detours"),
        (upload(size=65 << 20), "its files have 68157440 bytes"),
        (task(type="execute-command"), ""),
        (task(type="execute-command", timeout_seconds=61), "60 s at most"),
        (
            task(type="execute-command", payload=ExecuteCommandPayload(command="migrate", arguments=("a", "b"))),
            "takes 1 arguments",
        ),
        (task(type="read-sticker"), ""),
    ],
)
def test_the_hosts_policy_decides_what_an_agent_may_be_asked_for(asked: AgentTask, words: str) -> None:
    found = refusal(asked, EVERYTHING)
    assert words in found
    assert bool(words) == bool(found)


def test_commands_and_uploads_are_off_until_the_host_turns_them_on() -> None:
    for kind in ("execute-command", "upload-files"):
        assert "not allowed here" in refusal(task(type=kind), AgentPolicy())
    assert refusal(task(), AgentPolicy()) == ""


def test_a_host_may_want_signatures() -> None:
    strict = AgentPolicy(signed=True)
    assert "not signed" in refusal(task(), strict)
    assert refusal(task(signature=Signature("Ed25519", "k", "QQ==")), strict) == ""


def test_artifacts_of_a_deploy_are_bounded() -> None:
    value = as_value(task())
    value["payload"]["artifacts"] = [{"type": "config", "name": "a", "sha256": DIGEST, "sizeBytes": 17 << 20}]
    place = desk()
    place.take([value], Held(), CLOCK, NOW)
    assert "its artifacts have" in (told(place).error or "")
