from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from reconciler.errors import StateDamaged, StateLocked, StateUnwritable
from reconciler.state_dir import KEY_BYTES, StateDir

NOON = 1_750_075_200.9

HOLD = """
import sys, time
from pathlib import Path
from reconciler.state_dir import StateDir
with StateDir(Path(sys.argv[1]), clock=lambda: 1750075200.0).lock():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "a" / "state", clock=lambda: NOON)


def _holder(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_the_folder_is_made_for_its_owner_alone(state: StateDir) -> None:
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    assert state.history == state.path / "history.db"


def test_a_folder_that_is_open_to_others_is_closed(state: StateDir) -> None:
    state.path.chmod(0o755)
    StateDir(state.path)
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("fact", "value", "told"),
    [
        ("f_flag", os.ST_RDONLY, "on a read-only file system .*make it writable again"),
        ("f_bfree", 1, "is full .*free at least 256 KiB"),
        ("f_ffree", 0, "no inodes left .*remove files"),
    ],
)
def test_a_file_system_that_takes_nothing_more_is_told_with_what_to_do(
    fact: str, value: int, told: str, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.check_room()
    usual = {"f_flag": 0, "f_bfree": 1 << 20, "f_frsize": 4096, "f_files": 100, "f_ffree": 50}
    facts = SimpleNamespace(**{**usual, "f_bavail": 1 << 20, fact: value})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "statvfs", lambda _: facts)
    with pytest.raises(StateUnwritable) as caught:
        state.check_room()
    assert re.search(told, str(caught.value))


def test_who_is_not_root_has_no_use_of_roots_reserve(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = SimpleNamespace(f_flag=0, f_bfree=1 << 20, f_bavail=0, f_frsize=4096, f_files=0, f_ffree=0)
    monkeypatch.setattr(os, "statvfs", lambda _: facts)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    state.check_room()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StateUnwritable, match="is full"):
        state.check_room()


def test_a_folder_that_has_gone_has_no_room(state: StateDir) -> None:
    state.path.rmdir()
    with pytest.raises(StateUnwritable, match="cannot be reached"):
        state.check_room()


def test_a_link_or_a_file_is_no_state_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateUnwritable, match="is a link"):
        StateDir(tmp_path / "link")
    with pytest.raises(StateUnwritable, match=r"File exists \(name another one with --state-dir\)"):
        StateDir(tmp_path / "file")


def test_a_second_process_is_told_who_holds_the_lock_and_since_when(state: StateDir) -> None:
    process = _holder(state.path)
    try:
        with pytest.raises(StateLocked, match=rf"held by process {process.pid} since 2025-06-16T12:00:00Z"):
            state.lock().__enter__()
        assert not state.still_locked()
    finally:
        _end(process)


def test_a_lock_is_free_after_its_holder_was_killed(state: StateDir) -> None:
    _end(_holder(state.path))
    with state.lock():
        assert (state.path / "lock").read_text("ascii") == f"process {os.getpid()} since 2025-06-16T12:00:00Z\n"
        assert stat.S_IMODE((state.path / "lock").stat().st_mode) == 0o600


def test_a_lock_is_held_once_and_can_be_taken_again(state: StateDir) -> None:
    for _ in range(2):
        with state.lock():
            with pytest.raises(StateLocked, match=f"process {os.getpid()}"):
                StateDir(state.path).lock().__enter__()
            assert state.still_locked()
        assert not state.still_locked()


def test_a_lock_file_that_cannot_be_read_still_locks(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    with state.lock():
        monkeypatch.setattr(Path, "read_text", refuse)
        with pytest.raises(StateLocked, match="held by another process"):
            StateDir(state.path).lock().__enter__()


def test_a_deleted_lock_file_is_noticed_by_its_holder(state: StateDir) -> None:
    with state.lock():
        state.check_lock()
        (state.path / "lock").unlink()
        assert not state.still_locked()
        with pytest.raises(StateLocked, match="was removed or replaced while it was held"):
            state.check_lock()
        with StateDir(state.path).lock():
            assert not state.still_locked()


def test_a_lock_on_a_file_that_was_replaced_meanwhile_is_refused(state: StateDir) -> None:
    class Replaced(StateDir):
        def _sign(self, handle: int) -> None:
            (self.path / "lock").rename(self.path / "older")
            (self.path / "lock").write_bytes(b"")
            super()._sign(handle)

    with pytest.raises(StateLocked, match="was replaced while"):
        Replaced(state.path).lock().__enter__()
    with state.lock():
        assert state.still_locked()


def test_a_lock_that_cannot_be_taken_is_told(state: StateDir) -> None:
    (state.path / "lock").mkdir()
    with pytest.raises(StateUnwritable, match="could not lock"):
        state.lock().__enter__()


def test_a_key_is_made_once_and_private(state: StateDir) -> None:
    key = state.key("sticker.key")
    assert len(key) == KEY_BYTES
    assert StateDir(state.path).key("sticker.key") == key
    assert state.key("other.key") != key
    assert stat.S_IMODE((state.path / "sticker.key").stat().st_mode) == 0o600


def test_of_many_processes_that_make_a_key_all_get_the_same(state: StateDir) -> None:
    code = "import sys; from pathlib import Path; from reconciler.state_dir import StateDir; "
    code += "print(StateDir(Path(sys.argv[1])).key('k').hex())"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(state.path)], stdout=subprocess.PIPE) for _ in range(4)
    ]
    keys = {process.communicate()[0] for process in processes}
    assert len(keys) == 1
    assert re.fullmatch(rb"[0-9a-f]{64}\n", keys.pop())


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda path: path.write_bytes(b"short"), StateDamaged, "has not 32 bytes"),
        (lambda path: path.write_bytes(b"x" * 33), StateDamaged, "has not 32 bytes"),
        (lambda path: path.chmod(0o640), StateDamaged, "can be read by others"),
        (lambda path: (path.rename(path.with_name("k")), path.symlink_to("k")), StateUnwritable, "could not read"),
    ],
)
def test_a_key_that_was_spoiled_is_not_used(
    state: StateDir, spoil: Callable[[Path], object], error: type[Exception], words: str
) -> None:
    state.key("sticker.key")
    spoil(state.path / "sticker.key")
    with pytest.raises(error, match=words):
        state.key("sticker.key")


def test_who_holds_the_lock_is_told_to_others_only(tmp_path: Path) -> None:
    mine, other = StateDir(tmp_path / "state"), StateDir(tmp_path / "state")
    assert other.held_by() == ""
    with mine.lock():
        assert mine.held_by() == ""
        assert f"process {os.getpid()} since" in other.held_by()
    assert other.held_by() == ""
