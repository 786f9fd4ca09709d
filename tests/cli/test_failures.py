"""What a person reads when a command does not end well, and the exit status of the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.__main__ import main
from reconciler.errors import EngineUnavailable, InvalidDocuments, ReconcilerError
from tests.cli.recorded import RecordedService, run

HERE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (EngineUnavailable("no engine", hint="start it"), 1, "error: no engine\nhint: start it\n"),
        (InvalidDocuments(("a.yaml:1:1: x", "b.yaml:2:2: y")), 1, "error: a.yaml:1:1: x\n       b.yaml:2:2: y\n"),
        (OSError(28, "No space left on device", "/x"), 1, "error: /x: No space left on device\n"),
        (OSError("odd"), 1, "error: OSError\n"),
        (ExceptionGroup("g", [ExceptionGroup("h", [ReconcilerError("inner")])]), 1, "error: inner\n"),
    ],
)
def test_expected_errors_become_a_message(tmp_path: Path, error: Exception, status: int, message: str) -> None:
    ran = run(RecordedService(failing=error), "status", folder=tmp_path)
    assert (ran.status, ran.out, ran.err) == (status, "", message)


def test_an_unexpected_error_is_called_a_bug_without_its_text(tmp_path: Path) -> None:
    ran = run(RecordedService(failing=KeyError("hunter2")), "status", folder=tmp_path)
    assert ran.status == 70
    assert ran.err.startswith("error: this is a bug: KeyError at ")
    assert "recorded.py:" in ran.err
    assert ran.err.endswith("hint: run it again with --debug and report what it prints\n")
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


def test_several_errors_at_once_are_a_bug(tmp_path: Path) -> None:
    error = ExceptionGroup("g", [ReconcilerError("one"), ReconcilerError("two")])
    assert run(RecordedService(failing=error), "status", folder=tmp_path).status == 70


def test_debug_shows_where_an_error_arose(tmp_path: Path) -> None:
    for arguments in (["--debug", "status"], ["status", "--debug"]):
        ran = run(RecordedService(failing=KeyError("x")), *arguments, folder=tmp_path)
        assert "Traceback" in ran.err
        assert ran.status == 70


def test_an_interrupted_reading_command_just_stops(tmp_path: Path) -> None:
    ran = run(RecordedService(failing=KeyboardInterrupt()), "plan", folder=tmp_path)
    assert (ran.status, ran.err) == (130, "\nstopped\n")


def program(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=HERE,
        stdout=options.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
    )


def test_a_reader_that_leaves_early_is_no_failure_worth_words() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    started = program("config", "--json", stdout=writing)
    os.close(writing)
    _, err = started.communicate()
    assert (started.returncode, err) == (141, b"")


def test_a_full_disk_behind_standard_output_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        started = program("config", stdout=full)
        _, err = started.communicate()
    assert started.returncode == 1
    assert err.startswith(b"error: No space left on device")


def test_main_takes_arguments(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    assert "complete" in capfd.readouterr().out
    assert main(["nonsense"]) == 64
