from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.atomic import create_file, remove_file, write_file
from reconciler.errors import StateUnwritable


def _names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_file_is_written_whole_with_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_file(tmp_path / "note", b"one", mode=0o644)
        write_file(tmp_path / "note", b"two", mode=0o640)
    finally:
        os.umask(before)
    assert (tmp_path / "note").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "note").stat().st_mode) == 0o640
    assert _names(tmp_path) == ["note"]


@given(content=st.binary(max_size=100_000))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("atomic") / "note"
    write_file(path, content)
    assert path.read_bytes() == content


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path, seen, done = tmp_path / "note", set[bytes](), threading.Event()
    contents = [bytes([letter]) * 100_000 for letter in b"ab"]
    write_file(path, contents[0])

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        write_file(path, contents[number % 2])
    done.set()
    reader.join()
    assert seen <= set(contents)


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("elsewhere"), Path.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused_and_left(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "note")
    with pytest.raises(StateUnwritable, match="not a regular file"):
        write_file(tmp_path / "note", b"x")
    assert _names(tmp_path) == ["note"]


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StateUnwritable, match="could not write"):
        write_file(tmp_path / "link" / "note", b"x")
    assert _names(tmp_path / "real") == []


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "note", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateUnwritable, match=r"No space left on device \(free some space\)"):
        write_file(tmp_path / "note", b"new")
    assert (tmp_path / "note").read_bytes() == b"old"
    assert _names(tmp_path) == ["note"]


def test_what_a_killed_process_left_behind_is_removed_by_the_next_write(tmp_path: Path) -> None:
    left, others = f".note.{'a' * 16}.tmp", [f".notes.{'a' * 16}.tmp", ".note.tmp", f".note.{'a' * 16}.tmpx"]
    for name in (left, *others):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / f".note.{'b' * 16}.tmp").symlink_to("elsewhere")
    os.mkfifo(tmp_path / f".note.{'c' * 16}.tmp")
    write_file(tmp_path / "note", b"one")
    kept = [*others, f".note.{'b' * 16}.tmp", f".note.{'c' * 16}.tmp"]
    assert _names(tmp_path) == sorted([*kept, "note"])


def test_what_another_process_writes_just_now_is_left_to_it(tmp_path: Path) -> None:
    busy = tmp_path / f".note.{'a' * 16}.tmp"
    with busy.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_file(tmp_path / "note", b"one")
        assert busy.exists()
    write_file(tmp_path / "note", b"two")
    assert _names(tmp_path) == ["note"]


def test_a_file_that_was_taken_for_a_leftover_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, taken = fcntl.flock, list[str]()

    def late(handle: int, how: int) -> None:
        if not taken:
            (name,) = _names(tmp_path)
            taken.append(name)
            (tmp_path / name).unlink()
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_file(tmp_path / "note", b"one")
    assert (tmp_path / "note").read_bytes() == b"one"
    assert _names(tmp_path) == ["note"]


def test_where_files_cannot_be_locked_they_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int, _how: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = tmp_path / f".note.{'a' * 16}.tmp"
    left.write_bytes(b"half")
    write_file(tmp_path / "note", b"one")
    assert _names(tmp_path) == [left.name, "note"]


def test_many_that_write_one_file_do_not_take_each_others_for_leftovers(tmp_path: Path) -> None:
    contents = [bytes([letter]) * 10_000 for letter in b"abcdefgh"]
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write_file, tmp_path / "note", content) for content in contents * 20]
    assert [write.exception() for write in writes if write.exception()] == []
    assert (tmp_path / "note").read_bytes() in contents
    assert _names(tmp_path) == ["note"]


def test_of_many_that_create_a_file_one_wins(tmp_path: Path) -> None:
    won: list[int] = []

    def create(number: int) -> None:
        if create_file(tmp_path / "key", bytes([number]), mode=0o600):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert (tmp_path / "key").read_bytes() == bytes(won)
    assert _names(tmp_path) == ["key"]
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_removing_tells_whether_there_was_something(tmp_path: Path) -> None:
    write_file(tmp_path / "note", b"x")
    assert remove_file(tmp_path / "note")
    assert not remove_file(tmp_path / "note")
    assert not remove_file(tmp_path / "missing" / "note")


def test_removing_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    write_file(tmp_path / "kept", b"x")
    (tmp_path / "link").symlink_to("kept")
    assert remove_file(tmp_path / "link")
    assert _names(tmp_path) == ["kept"]


def test_a_folder_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "note").mkdir()
    with pytest.raises(StateUnwritable):
        remove_file(tmp_path / "note")
