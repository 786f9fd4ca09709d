"""A warm command is what a cold one is: same output, same exit, a real process. Only that it begins at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.host import wait_until
from tests.parts.warm import ROOT, ColdPrograms, Process, Programs, WarmPrograms

SOON_S = 30.0
ALONE = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TZ": "UTC"}


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmPrograms]:
    with WarmPrograms() as programs:
        yield programs


def ran(programs: Programs, folder: Path, *words: str, **variables: str) -> tuple[int, str, str]:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        files = {"out": out.fileno(), "err": err.fileno()}
        process = programs.start(*words, environment={**ALONE, **variables}, folder=folder, **files)
    return process.wait(SOON_S), (folder / "out").read_text(), (folder / "err").read_text()


def running(programs: Programs, folder: Path) -> Process:
    """A controller: it waits for its engine."""
    variables = {"RECONCILER_STATE_DIR": str(folder / "state"), "RECONCILER_LISTEN": "127.0.0.1:0"}
    with (folder / "log").open("wb") as log:
        files = {"out": log.fileno(), "err": log.fileno()}
        process = programs.start("run", environment={**ALONE, **variables}, folder=folder, **files)
    assert wait_until(lambda: bool((folder / "log").read_bytes()), seconds=SOON_S)
    return process


@pytest.mark.parametrize(
    "words",
    [("--version",), ("--help",), ("validate",), ("config",), ("status", "--json"), ("nonsense",), ("apply",)],
    ids=" ".join,
)
def test_a_warm_command_says_and_returns_what_a_cold_one_does(
    words: tuple[str, ...], tmp_path: Path, warm: WarmPrograms
) -> None:
    (tmp_path / "desired").mkdir()
    variables = {"RECONCILER_ENGINE": f"unix://{tmp_path}/none", "RECONCILER_STATE_DIR": str(tmp_path / "state")}
    assert ran(warm, tmp_path, *words, **variables) == ran(ColdPrograms(), tmp_path, *words, **variables)


def test_nothing_of_one_command_gets_into_the_next(tmp_path: Path, warm: WarmPrograms) -> None:
    first = ran(warm, tmp_path, "config", RECONCILER_RESYNC="77")[1]
    again = ran(warm, tmp_path, "config")[1]
    assert "77" in first
    assert "77" not in again


def test_a_warm_command_is_seen_with_its_arguments(tmp_path: Path, warm: WarmPrograms) -> None:
    process = running(warm, tmp_path)
    try:
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        assert shown == [os.fsencode(word) for word in (sys.executable, "-m", "reconciler", "run")]
        assert Path(f"/proc/{process.pid}/cwd").resolve() == tmp_path
    finally:
        process.kill()
        process.wait(SOON_S)


def test_only_the_streams_are_inherited(tmp_path: Path, warm: WarmPrograms) -> None:
    held = {str(path.readlink()) for path in Path(f"/proc/{warm.pid}/fd").iterdir()}
    process = running(warm, tmp_path)
    try:
        theirs = [str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir() if int(path.name) > 2]
        assert held.isdisjoint(name for name in theirs if name.startswith("socket:"))
    finally:
        process.kill()
        process.wait(SOON_S)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_signals_reach_a_warm_command(
    sent: signal.Signals, status: int, tmp_path: Path, warm: WarmPrograms
) -> None:
    process = running(warm, tmp_path)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(sent)
    assert process.wait(SOON_S) == process.poll() == process.returncode == status
    process.kill()  # it has ended: nobody is signalled


def test_warm_commands_end_with_who_asked_for_them(tmp_path: Path) -> None:
    with WarmPrograms() as programs:
        process = running(programs, tmp_path)
    assert process.wait(SOON_S) == -signal.SIGKILL
    assert not Path(f"/proc/{process.pid}").exists()


def test_a_warm_command_begins_at_once(tmp_path: Path, warm: WarmPrograms) -> None:
    def took(programs: Programs) -> float:
        began = time.monotonic()
        assert ran(programs, tmp_path, "config")[0] == 0
        return time.monotonic() - began

    took(warm)
    assert min(took(warm) for _ in range(3)) < min(took(ColdPrograms()) for _ in range(2)) / 2
