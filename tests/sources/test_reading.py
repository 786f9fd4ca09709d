from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.sources import reading
from reconciler.sources.reading import FileReader, Reading, read_file
from reconciler.sources.scan import list_folder
from reconciler.spec.yaml_tree import MAX_BYTES


class Time:
    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock() -> Time:
    return Time(time.time() + 100)


@pytest.fixture
def reader(clock: Time) -> FileReader:
    return FileReader(clock=lambda: clock.now, sleep=clock.sleep)


def changed(reader: FileReader, folder: Path) -> dict[str, Reading]:
    return reader.changed(list_folder(folder).files)


def test_a_file_is_read_once_while_its_metadata_stays(tmp_path: Path, reader: FileReader, clock: Time) -> None:
    (tmp_path / "a.yaml").write_text("one")
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}
    assert changed(reader, tmp_path) == {}
    (tmp_path / "a.yaml").write_text("three")
    clock.now = time.time() + 100
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"three")}
    assert clock.slept == []


def test_a_change_that_metadata_cannot_tell_is_seen_because_the_file_is_young(
    tmp_path: Path, reader: FileReader, clock: Time
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    facts = path.stat()
    clock.now = facts.st_ctime + 1.0
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}
    clock.now = facts.st_ctime + 5.0
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}
    assert changed(reader, tmp_path) == {}


def test_once_a_minute_everything_is_read(tmp_path: Path, reader: FileReader, clock: Time) -> None:
    (tmp_path / "a.yaml").write_text("one")
    changed(reader, tmp_path)
    clock.now += 59.0
    assert changed(reader, tmp_path) == {}
    clock.now += 2.0
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}
    clock.now -= 3600.0
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}


def test_a_file_that_went_and_came_is_read_again(tmp_path: Path, reader: FileReader) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    changed(reader, tmp_path)
    path.rename(tmp_path / "a.off")
    assert changed(reader, tmp_path) == {}
    (tmp_path / "a.off").rename(path)
    assert changed(reader, tmp_path) == {"a.yaml": Reading(b"one")}


def test_fresh_files_wait_together_until_two_reads_agree(tmp_path: Path, reader: FileReader, clock: Time) -> None:
    clock.now = time.time()
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(name)
    (tmp_path / "old.yaml").write_text("old")
    os.utime(tmp_path / "old.yaml", (0, 0))
    writes = iter(["half", "whole", "whole"])
    clock.meanwhile = lambda: (tmp_path / "b.yaml").write_text(next(writes))
    readings = changed(reader, tmp_path)
    assert readings == {"a.yaml": Reading(b"a"), "b.yaml": Reading(b"whole"), "old.yaml": Reading(b"old")}
    assert clock.slept == [reading.SETTLE_S] * 3


def test_a_file_that_never_rests_is_left_for_later(tmp_path: Path, reader: FileReader, clock: Time) -> None:
    clock.now = time.time()
    path = tmp_path / "a.yaml"
    path.write_text("0")
    clock.meanwhile = lambda: path.write_text(path.read_text() + "x")
    assert changed(reader, tmp_path)["a.yaml"].trouble.startswith("is being written to")
    assert len(clock.slept) == reading.SETTLE_TRIES
    clock.meanwhile = lambda: None
    clock.now += 10
    assert changed(reader, tmp_path)["a.yaml"].content == b"0xxxxx"


def test_reading_never_blocks_never_follows_and_never_raises(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert read_file(str(tmp_path / "pipe")).trouble == "is not a regular file"
    assert read_file(str(tmp_path)).trouble == "is not a regular file"
    assert read_file("/dev/zero").trouble == "is not a regular file"
    assert read_file(str(tmp_path / "none")).trouble == "cannot be read: No such file or directory"
    assert read_file(str(tmp_path / "link")).trouble.startswith("cannot be read: ")


def test_a_file_is_read_to_the_limit_and_one_byte_more(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(50 * MAX_BYTES)
    assert len(read_file(str(tmp_path / "huge")).content) == MAX_BYTES + 1


def test_the_reader_s_own_sleep_is_real(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    writer = threading.Timer(0.03, path.write_text, ["a: 2"])
    writer.start()
    assert changed(FileReader(), tmp_path) == {"a.yaml": Reading(b"a: 2")}
    writer.join()
