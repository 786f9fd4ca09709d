"""No suite can keep a run from ending: whatever it does, the others are measured."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.watch import Ended, Watch
from tests.parts.host import wait_until

_SUITES = """\
import os, signal, subprocess, sys, time
from pathlib import Path
from bench.watch import Told

def deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    time.sleep(600)

def busy(told):
    while True:
        told.at("one of many")

signal.signal(signal.SIGUSR1, lambda *_: None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs us in the background
if "deaf" in sys.argv[1]:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    child = subprocess.Popen(["sleep", "600"])
    Path(sys.argv[3], "child").write_text(str(child.pid))
with os.fdopen(int(sys.argv[2]), "w") as pipe:
    told = Told(pipe)
    for name in sys.argv[1].split(","):
        if name == "mute":
            deaf()
        told.begins(name)
        told.at("")
        told.at("their turn")
        if name == "hangs":
            time.sleep(600)
        if name == "deaf":
            deaf()
        if name == "busy":
            busy(told)
        if name == "fails":
            raise SystemExit(3)
        told.at("")
        told.measured(name)
    if "stays" in sys.argv[1]:
        deaf()
"""
_NAMES = ("first", "hangs", "deaf", "busy", "fails", "mute", "stays", "last")


def _watch(*, within_s: float = 600.0, grace_s: float = 600.0, folder: Path = Path()) -> Watch:
    def command(names: Sequence[str], out: int) -> list[str]:
        return [sys.executable, "-c", _SUITES, ",".join(names), str(out), str(folder)]

    return Watch(
        command=command,
        within_s={**dict.fromkeys(_NAMES, within_s), "first": 600.0, "last": 600.0},
        grace_s=grace_s,
    )


def _told(ended: Sequence[Ended]) -> list[tuple[str, str, str]]:
    return [(item.suite, item.how, item.at) for item in ended]


def test_suites_are_measured_in_their_order() -> None:
    ended = _watch().over(["first", "last"])
    assert _told(ended) == [("first", "measured", ""), ("last", "measured", "")]


@pytest.mark.parametrize(("name", "at"), [("hangs", "their turn"), ("busy", "one of many")])
def test_a_suite_that_hangs_is_named_with_its_contestant_and_the_next_goes_on(name: str, at: str) -> None:
    ended = _watch(within_s=0.5).over(["first", name, "last"])
    assert _told(ended) == [("first", "measured", ""), (name, "hung", at), ("last", "measured", "")]
    assert ended[1].after_s >= 0.5


def test_a_suite_that_hears_nothing_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    watch = _watch(folder=tmp_path, within_s=2.0, grace_s=2.0)
    assert _told(watch.over(["first", "deaf"])) == [("first", "measured", ""), ("deaf", "hung", "their turn")]
    child = Path("/proc", (tmp_path / "child").read_text(), "cmdline")
    assert wait_until(lambda: not child.exists() or not child.read_bytes(), seconds=10)


def test_a_suite_that_fails_keeps_no_other_from_being_measured() -> None:
    ended = _watch().over(["fails", "last"])
    assert _told(ended) == [("fails", "failed", "their turn"), ("last", "measured", "")]


def test_a_run_that_never_begins_ends() -> None:
    assert _told(_watch(within_s=1.0, grace_s=1.0).over(["mute"])) == [("mute", "hung", "")]


def test_what_was_measured_counts_where_only_the_end_hangs() -> None:
    began = time.monotonic()
    assert _told(_watch(grace_s=2.0).over(["stays"])) == [("stays", "measured", "")]
    assert time.monotonic() - began < 60


def test_a_program_that_cannot_be_started_is_told_at_once(tmp_path: Path) -> None:
    watch = Watch(command=lambda _names, _out: [str(tmp_path / "none")], within_s={"first": 1.0})
    with pytest.raises(FileNotFoundError):
        watch.over(["first"])
