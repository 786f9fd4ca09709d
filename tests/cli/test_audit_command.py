"""``audit show``, ``verify`` and ``checkpoint``, on real logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.audit import AuditLog
from reconciler.audit.files import LogFiles
from reconciler.core.audit import Account, Actor, Origin
from reconciler.state_dir import StateDir
from tests.audit.logs import deed, done, newest
from tests.cli.recorded import NOW, Ran, RecordedService
from tests.cli.recorded import run as run_recorded

FILE = Account(actor=Actor("file", "web.yaml"), origin=Origin(file="web.yaml", commit="c" * 40, author="Ana"))
SYSTEM = Account(origin=Origin(file="web.yaml", commit="unknown"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def a_log(state: Path, **options: Any) -> AuditLog:
    folder = StateDir(state)
    log = AuditLog(state, lambda: folder.key("audit.key"), **options)
    log._writer.clock = lambda: NOW - 90
    return log


def run(state: Path, *words: str, terminal: int | None = None) -> Ran:
    environment = {"RECONCILER_STATE_DIR": str(state), "NO_COLOR": "1"}
    return run_recorded(
        RecordedService(), "audit", *words, folder=state.parent, environment=environment, terminal=terminal
    )


def three(state: Path) -> AuditLog:
    log = a_log(state)
    done(log, action="stop-container", target="web-previous-g3", cause="release r2 replaces r1", account=FILE)
    done(log, action="suspend", document="db", cause="incident 42")
    log.intent(deed("start-container", cause="config.memoryLimit is 128Mi, wanted 64Mi", account=SYSTEM))
    return log


def test_show_fits_eighty_columns_and_tells_who_what_and_why(state: Path) -> None:
    three(state)
    shown = run(state, "show", terminal=80)
    assert shown.status == 0
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "file:web.yaml@cccccccc" in shown.out
    assert "web-previous-g3: release r2 replaces r1" in shown.out
    assert "1m" in shown.out
    rows = [line.split() for line in shown.out.splitlines()]
    assert ["1m", "user:ana", "db", "suspend", "done"] in rows
    assert ["1m", "controller", "web", "start-container", "open"] in rows


@pytest.mark.parametrize(
    ("words", "actions"),
    [
        ([], ["begin-log", "stop-container", "suspend", "start-container"]),
        (["db"], ["suspend"]),
        (["--actor", "ana"], ["suspend"]),
        (["--actor", "file"], ["stop-container"]),
        (["--actor", "file:web.yaml"], ["stop-container"]),
        (["--actor", "system"], ["begin-log", "start-container"]),
        (["--since", "1m"], []),
        (["--since", "2m", "web"], ["stop-container", "start-container"]),
        (["--since", "2026-11-18"], ["begin-log", "stop-container", "suspend", "start-container"]),
        (["--since", "2026-11-18T12:00:00+00:30"], []),
        (["--limit", "1"], ["start-container"]),
    ],
)
def test_show_tells_only_what_was_asked_for(words: list[str], actions: list[str], state: Path) -> None:
    three(state)
    value = json.loads(run(state, "show", *words, "--json").out)
    assert value["version"] == 1
    assert [entry["action"] for entry in value["entries"]] == actions


def test_show_puts_an_intent_and_its_outcome_together(state: Path) -> None:
    three(state)
    entries = json.loads(run(state, "show", "--json").out)["entries"]
    assert [(entry["kind"], entry.get("outcome")) for entry in entries] == [
        ("opened", None),
        ("intent", "done"),
        ("intent", "done"),
        ("intent", "open"),
    ]
    assert "ended" in entries[1]


def test_show_tells_what_a_controller_left_open_and_passes_over_what_cannot_be_read(state: Path) -> None:
    three(state)
    with newest(state).open("ab") as file:
        file.write(b"torn")
    a_log(state).take_over()
    assert "unknown" in run(state, "show", "web").out
    assert "the controller ended here" in run(state, "show", "web").out


def test_a_time_that_is_none_is_a_usage_error(state: Path) -> None:
    ran = run(state, "show", "--since", "soon")
    assert (ran.status, "'soon' is not allowed" in ran.err) == (64, True)


def test_where_nothing_was_recorded_that_is_said_and_nothing_is_made(state: Path) -> None:
    assert run(state, "show").err == "nothing was recorded\n"
    assert run(state, "verify").out == "nothing was recorded yet\n"
    ran = run(state, "checkpoint")
    assert (ran.status, ran.err) == (1, "nothing was recorded yet\n")
    assert not state.exists()


def test_verify_says_how_much_it_looked_at(state: Path) -> None:
    three(state)
    ran = run(state, "verify")
    assert (ran.status, ran.out) == (0, "whole: lines 1 to 6 in 1 file, 1 checkpoint\n")


def test_verify_names_file_and_line_and_ends_with_two(state: Path) -> None:
    three(state)
    path = newest(state)
    path.write_bytes(path.read_bytes().replace(b"incident 42", b"incident 43", 1))
    ran = run(state, "verify")
    assert ran.status == 2
    assert ran.out.startswith(f"{path.name}:4: was edited: it has not the hash that it says\n")
    assert ran.out.endswith("not whole: lines 1 to 6 in 1 file, 1 checkpoint\n")
    value = json.loads(run(state, "verify", "--json").out)
    assert value["whole"] is False
    assert value["faults"] == [
        {"file": path.name, "line": 4, "message": "was edited: it has not the hash that it says"}
    ]


def test_a_checkpoint_that_was_printed_finds_a_cut_tail(state: Path) -> None:
    log = three(state)
    printed = run(state, "checkpoint").out
    kept = state.parent / "kept"
    kept.write_text(printed)
    assert run(state, "verify", "--checkpoint", str(kept)).status == 0
    path = newest(state)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    LogFiles(state).checkpoints.unlink()
    assert run(state, "verify").status == 0
    ran = run(state, "verify", "--checkpoint", str(kept))
    assert ran.status == 2
    assert f"{kept}:1: line 6 was signed; the log ends with line 4: it was cut" in ran.out
    assert log.unwritable is None


def test_a_copy_of_a_log_is_verified_without_the_hosts_key(state: Path) -> None:
    three(state)
    key = json.loads(run(state, "checkpoint").out)["key"]
    (state / "audit.key").unlink()
    assert run(state, "verify").status == 0
    assert run(state, "verify", "--key", key).status == 0
    assert run(state, "verify", "--key", "00" * 32).status == 2


def test_verify_tells_what_is_known_of_a_logs_life(state: Path) -> None:
    done(a_log(state, size=1000, keep=2), 10)
    with newest(state).open("ab") as file:
        file.write(b"torn")
    assert "torn by a crash at its end" in run(state, "verify").out
    done(a_log(state))
    said = run(state, "verify").out
    assert "older files were removed, as the log says" in said
    assert "torn by a crash, and told so: " in said
    broken = newest(state)
    broken.write_bytes(broken.read_bytes().replace(b"ana", b"bob", 1))
    done(a_log(state))
    assert "broken before " in run(state, "verify").out
    for name in LogFiles(state).names()[:-1]:
        (state / "audit" / name).unlink()
    LogFiles(state).checkpoints.unlink()
    assert "what was before the first line is broken" in run(state, "verify").out
