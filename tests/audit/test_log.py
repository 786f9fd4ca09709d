from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import rfc8785

from reconciler.audit import AuditLog
from reconciler.audit.files import LogFiles
from reconciler.audit.place import Place
from reconciler.audit.writer import EVERY
from reconciler.core.audit import Account, Actor, Origin, Standing
from reconciler.errors import StateDamaged, StateLocked, StateUnwritable
from tests.audit.logs import a_log, deed, done, lines, looked_at, newest, records

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "audit-record.v1.schema.json").read_text("utf-8"))
FULL = Account(
    actor=Actor("file", "web.yaml"),
    origin=Origin(file="web.yaml", commit="c" * 40, author="Ana <ana@example.com>"),
    before=Standing(release="r1", digest="sha256:" + "a" * 64, fingerprint="f" * 64),
    after=Standing(release="r2", digest="sha256:" + "b" * 64, fingerprint="e" * 64),
    generation=7,
    operation="owner.web.7",
)


def test_a_deed_is_an_intent_and_then_an_outcome_that_names_it(tmp_path: Path) -> None:
    what = deed(target="web", cause="a new release", account=FULL)
    log = a_log(tmp_path)
    number = log.intent(what)
    log.outcome(number, what, outcome="failed", detail="no answer")
    opened, intent, outcome = records(tmp_path)
    assert (opened["kind"], opened["sequence"], opened["previous"]) == ("opened", 1, "")
    assert intent["kind"] == "intent"
    assert intent["actor"] == {"type": "file", "name": "web.yaml"}
    assert intent["source"] == {"file": "web.yaml", "commit": "c" * 40, "author": "Ana <ana@example.com>"}
    assert intent["after"]["release"] == "r2"
    assert (outcome["intent"], outcome["outcome"], outcome["detail"]) == (2, "failed", "no answer")
    assert [item["generation"] for item in (intent, outcome)] == [7, 7]
    assert looked_at(tmp_path).whole


def test_every_line_is_canonical_and_as_the_schema_says(tmp_path: Path) -> None:
    log = a_log(tmp_path, size=4000, keep=2)
    done(log, 12, cause='é \U0001f600 \x07 "quoted"', account=FULL)
    log.late(deed(), outcome="done")
    left_behind(tmp_path, b'{"kind"')
    done(a_log(tmp_path))
    kinds = set()
    for line in lines(tmp_path):
        if line == b'{"kind"':
            continue
        record = json.loads(line)
        assert rfc8785.dumps(record) == line
        jsonschema.Draft202012Validator(SCHEMA).validate(record)
        kinds.add(record["kind"])
    assert kinds == {"opened", "intent", "outcome", "late", "torn", "removed"}


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    done(a_log(tmp_path))
    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o700
    assert stat.S_IMODE(newest(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(LogFiles(tmp_path).checkpoints.stat().st_mode) == 0o600


def test_opening_makes_nothing(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.take_over()
    log.settle()
    assert log.checkpoint() is None
    assert list(tmp_path.iterdir()) == []


def test_a_process_goes_on_where_another_one_ended(tmp_path: Path) -> None:
    done(a_log(tmp_path))
    done(a_log(tmp_path))
    assert [record["sequence"] for record in records(tmp_path)] == [1, 2, 3, 4, 5]
    assert looked_at(tmp_path).whole


def test_two_that_are_open_at_once_write_one_chain(tmp_path: Path) -> None:
    controller, command = a_log(tmp_path, size=1500), a_log(tmp_path, size=1500)
    for _ in range(4):
        done(controller, action="start-container")
        done(command, action="suspend")
    found = looked_at(tmp_path)
    assert (found.whole, found.last) == (True, found.lines)
    assert found.files > 1


def test_what_a_process_left_open_is_told_as_unknown_by_the_next_controller(tmp_path: Path) -> None:
    a_log(tmp_path).intent(deed("start-container", target="web"))
    a_log(tmp_path).take_over()
    *_, ended = records(tmp_path)
    assert (ended["kind"], ended["intent"], ended["outcome"]) == ("outcome", 2, "unknown")
    assert (ended["action"], ended["document"], ended["target"]) == ("start-container", "web", "web")
    assert ended["detail"] == "the controller ended here"
    before = lines(tmp_path)
    a_log(tmp_path).take_over()
    assert lines(tmp_path) == before


def test_an_intent_stays_known_as_open_over_files(tmp_path: Path) -> None:
    log = a_log(tmp_path, size=600)
    log.intent(deed("wait-healthy"))
    done(log, 3)
    assert LogFiles(tmp_path).names()[0] != newest(tmp_path).name
    a_log(tmp_path).take_over()
    assert [item["action"] for item in records(tmp_path) if item.get("outcome") == "unknown"] == ["wait-healthy"]


def left_behind(state: Path, content: bytes) -> None:
    """What a crash leaves at the end."""
    with newest(state).open("ab") as file:
        file.write(content)


def test_a_torn_line_stays_and_the_next_one_names_its_hash(tmp_path: Path) -> None:
    done(a_log(tmp_path))
    left_behind(tmp_path, lines(tmp_path)[-1][:40])
    done(a_log(tmp_path))
    found = looked_at(tmp_path)
    assert found.whole
    assert found.torn == (f"{newest(tmp_path).name}:5",)
    assert records(tmp_path)[3]["bytes"] == 40


@pytest.mark.parametrize("left", [b"\0" * 200, b"\0\n\0\n", b"\xff\xfe", b"[1,2", b'{"hash":"x"}\n'])
def test_whatever_a_crash_leaves_at_the_end_is_torn(left: bytes, tmp_path: Path) -> None:
    done(a_log(tmp_path))
    left_behind(tmp_path, left)
    assert looked_at(tmp_path).unfinished
    done(a_log(tmp_path))
    found = looked_at(tmp_path)
    assert (found.whole, len(found.torn), found.unfinished) == (True, 1, False)


def edited(content: bytes) -> bytes:
    return content.replace(b"stop-container", b"stop-CONTAINER", 1)


def without_a_line(content: bytes) -> bytes:
    first, _, *rest = content.splitlines(keepends=True)
    return b"".join([first, *rest])


@pytest.mark.parametrize("harm", [edited, without_a_line])
def test_a_broken_chain_is_not_continued_but_a_new_file_says_what_was_found(
    harm: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    done(a_log(tmp_path), 3)
    path = newest(tmp_path)
    path.write_bytes(harm(path.read_bytes()))
    kept = path.read_bytes()
    log = a_log(tmp_path)
    done(log)
    assert path.read_bytes() == kept
    begins = json.loads(newest(tmp_path).read_bytes().partition(b"\n")[0])
    assert begins["kind"] == "broken"
    assert begins["cause"].startswith(f"{path.name}:2: ")
    assert log.broken == begins["cause"]
    found = looked_at(tmp_path)
    assert not found.whole
    assert str(found.faults[0]).startswith(f"{path.name}:2: ")
    assert found.told == (f"{newest(tmp_path).name}:1",)


def test_a_log_that_was_cut_while_it_is_used_is_not_continued(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    done(log, 2)
    path = newest(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    done(log)
    assert "line 5, which was written there, is there no more" in log.broken
    done(log)
    assert len(LogFiles(tmp_path).names()) == 2
    assert not looked_at(tmp_path).whole


def test_a_break_is_told_also_where_that_had_no_room_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(a_log(tmp_path), 3)
    path = newest(tmp_path)
    path.write_bytes(edited(path.read_bytes()))
    kept = path.read_bytes()
    log = a_log(tmp_path)
    with monkeypatch.context() as full:

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(os, "link", refuse)
        for _ in range(2):
            with pytest.raises(StateUnwritable):
                log.intent(deed())
    done(log)
    assert path.read_bytes() == kept
    assert json.loads(newest(tmp_path).read_bytes().partition(b"\n")[0])["kind"] == "broken"


def test_a_log_that_cannot_be_read_for_a_moment_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(a_log(tmp_path), 3)
    log = a_log(tmp_path)
    with monkeypatch.context() as away:

        def refuse(*_: object, **__: object) -> None:
            raise StateUnwritable("no file descriptors are left")

        away.setattr(Place, "read", refuse)
        with pytest.raises(StateUnwritable):
            log.intent(deed())
    done(log)
    assert (log.broken, looked_at(tmp_path).whole) == ("", True)


def test_what_another_process_found_broken_is_known_to_all_that_write(tmp_path: Path) -> None:
    controller = a_log(tmp_path)
    done(controller)
    path = newest(tmp_path)
    path.write_bytes(edited(path.read_bytes()))
    done(a_log(tmp_path))
    done(controller)
    assert controller.broken == f"another process found it so: {newest(tmp_path).name}:1"
    assert len(LogFiles(tmp_path).names()) == 2


def test_a_log_that_was_cut_before_a_signed_line_is_not_continued(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    done(log, 2)
    log.checkpoint()
    path = newest(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    fresh = a_log(tmp_path)
    done(fresh)
    assert fresh.broken.endswith("is the last line; line 5 was signed: the log was cut")
    assert not looked_at(tmp_path).whole


def test_a_log_that_is_gone_begins_anew_and_says_so(tmp_path: Path) -> None:
    done(a_log(tmp_path))
    shutil.rmtree(tmp_path / "audit")
    beside = a_log(tmp_path)
    with pytest.raises(StateDamaged, match="was moved or removed"):
        beside.intent(deed())
    log = a_log(tmp_path)
    log.take_over()
    done(log)
    assert log.broken == "the log is gone, of which line 1 was signed"
    assert records(tmp_path)[0]["sequence"] == 2
    assert not looked_at(tmp_path).whole


def test_a_log_that_is_taken_away_while_it_is_used_refuses_until_it_is_back(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    done(log)
    (tmp_path / "audit").rename(tmp_path / "elsewhere")
    with pytest.raises(StateUnwritable, match="No such file"):
        log.intent(deed())
    (tmp_path / "audit").mkdir()
    with pytest.raises(StateDamaged, match="was moved or removed"):
        log.intent(deed())
    with pytest.raises(StateDamaged):
        log.check_writable()
    assert log.unwritable is not None
    (tmp_path / "audit").rmdir()
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "audit")
    log.check_writable()
    assert log.unwritable is None
    done(log)
    assert looked_at(tmp_path).whole


def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)


def test_without_room_an_intent_is_refused_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path)
    done(log)
    before = lines(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, content: 10)
        with pytest.raises(StateUnwritable, match=r"No space left on device \(check free space"):
            log.intent(deed())
    assert lines(tmp_path) == before
    assert log.unwritable is not None
    done(log)
    assert log.unwritable is None
    assert looked_at(tmp_path).whole


def test_an_outcome_that_has_no_room_is_written_before_the_next_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path)
    what = deed()
    number = log.intent(what)
    with monkeypatch.context() as full:
        no_room(full)
        with pytest.raises(StateUnwritable):
            log.outcome(number, what, outcome="done")
        with pytest.raises(StateUnwritable):
            log.late(deed("start-container"), outcome="done")
    log.intent(deed("rename-container"))
    kinds = [(record["kind"], record["action"]) for record in records(tmp_path)[2:]]
    assert kinds == [("outcome", "stop-container"), ("late", "start-container"), ("intent", "rename-container")]
    assert "happened" in records(tmp_path)[3]


def test_a_failed_sync_takes_the_line_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = a_log(tmp_path)
    done(log)
    before = lines(tmp_path)

    def fail(handle: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(StateUnwritable, match="Input/output error"):
            log.intent(deed())
    assert lines(tmp_path) == before


def test_the_disk_is_tried_after_a_write_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = a_log(tmp_path)
    done(log)
    with monkeypatch.context() as full:
        no_room(full)
        with pytest.raises(StateUnwritable):
            log.intent(deed())
    before = lines(tmp_path)
    log.check_writable()
    assert log.unwritable is None
    assert lines(tmp_path) == before
    assert [path.name for path in (tmp_path / "audit").iterdir()] == [newest(tmp_path).name]


def test_a_writer_that_is_slow_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(a_log(tmp_path))
    log = a_log(tmp_path)
    log._writer.place = Place(LogFiles(tmp_path), wait_s=0.02)
    handle = os.open(tmp_path / "audit", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    for _ in range(2):
        with pytest.raises(StateLocked, match="another process kept it"):
            log.intent(deed())
    assert log.unwritable is None
    os.close(handle)
    done(log)
    assert looked_at(tmp_path).whole


def test_files_are_kept_by_number_and_the_log_says_which_went(tmp_path: Path) -> None:
    log = a_log(tmp_path, size=1000, keep=3)
    done(log, 20)
    assert len(LogFiles(tmp_path).names()) == 3
    found = looked_at(tmp_path)
    assert (found.whole, found.removed, found.first > 1) == (True, True, True)
    assert found.last - found.first + 1 == found.lines


def test_a_file_that_somebody_removed_is_missed(tmp_path: Path) -> None:
    log = a_log(tmp_path, size=1000)
    done(log, 20)
    (LogFiles(tmp_path).folder / LogFiles(tmp_path).names()[0]).unlink()
    found = looked_at(tmp_path)
    assert "nothing says where those before it are" in found.faults[0].message


def test_a_checkpoint_is_kept_now_and_then(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    done(log, EVERY // 2 + 1)
    kept = LogFiles(tmp_path).kept_checkpoints()
    assert [item.sequence for item in kept if item] == [1, 1 + EVERY]
    assert looked_at(tmp_path).checkpoints == 2


def test_what_is_in_the_way_of_a_new_file_is_told(tmp_path: Path) -> None:
    log = a_log(tmp_path, size=10)
    done(log)
    (tmp_path / "audit" / "audit-000000000000009.jsonl").write_bytes(b"")
    fresh = AuditLog(tmp_path, lambda: b"k" * 32)
    done(fresh)
    assert not looked_at(tmp_path).whole
