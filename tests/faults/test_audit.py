"""The audit log is harmed, cut, torn, taken away, written to by many: what was done is told, or why it is not.

What its lines say is also looked at by the oracle, after every other fault.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reconciler.audit.files import LogFiles
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.socket_proxy import SocketProxy

OFTEN = {"RECONCILER_RESYNC": "1"}
HARMED = 4
"""The line that is harmed, in the middle of a deploy."""

Lines = list[bytes]


def newest(stage: Stage) -> Path:
    files = LogFiles(stage.state)
    return files.folder / files.names()[-1]


def lines(stage: Stage) -> Lines:
    return newest(stage).read_bytes().splitlines(keepends=True)


def entries(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.json("audit", "show", "--limit", "1000")["entries"]
    return found


def changed(found: Lines) -> Lines:
    place = HARMED - 1
    return [*found[:place], found[place].replace(b"v1", b"v9", 1), *found[place + 1 :]]


def removed(found: Lines) -> Lines:
    return [*found[: HARMED - 1], *found[HARMED:]]


def swapped(found: Lines) -> Lines:
    place = HARMED - 1
    return [*found[:place], found[place + 1], found[place], *found[place + 2 :]]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(changed, "was edited", marks=pytest.mark.fault("A1")),
        pytest.param(removed, "lines between them were removed", marks=pytest.mark.fault("A2")),
        pytest.param(swapped, "line 5 follows line 3", marks=pytest.mark.fault("A3")),
    ],
)
def test_what_is_done_to_the_lines_of_a_log_is_named(
    harm: Callable[[Lines], Lines], said: str, stage: Stage, oracle: Oracle
) -> None:
    stage.deploy_here("v1")
    written = newest(stage).read_bytes()
    newest(stage).write_bytes(b"".join(harm(lines(stage))))
    found = stage.reconciler("audit", "verify")
    assert found.returncode == 2
    first = found.stdout.splitlines()[0]
    assert first.startswith(f"{newest(stage).name}:{HARMED}: ")
    assert said in first
    newest(stage).write_bytes(written)
    oracle.holds("v1")


@pytest.mark.fault("A1")
def test_a_broken_log_is_told_and_stops_no_deploy(stage: Stage, oracle: Oracle) -> None:
    """It is not continued: a new file says what was found."""
    stage.deploy_here("v1")
    broken = newest(stage)
    broken.write_bytes(b"".join(changed(lines(stage))))
    as_found = broken.read_bytes()
    with stage.controller(**OFTEN) as controller:
        eventually("the metrics say so", lambda: controller.metric("reconciler_audit_intact") == 0)
        stage.write(stage.web("v2"))
        eventually("v2 serves", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        assert controller.ready()
        assert "the audit log is broken: " in stage.reconciler("status").stderr
    begins = json.loads(lines(stage)[0])
    assert (begins["kind"], begins["cause"].partition(": ")[0]) == ("broken", f"{broken.name}:{HARMED}")
    assert broken.read_bytes() == as_found
    assert stage.reconciler("doctor").returncode == 1
    oracle.strangers_are_untouched()


@pytest.mark.fault("A4")
def test_a_tail_that_was_cut_is_shown_by_a_checkpoint_that_is_elsewhere(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    elsewhere = stage.folder / "elsewhere"
    elsewhere.write_text(stage.reconciler("audit", "checkpoint").stdout)
    written, kept = newest(stage).read_bytes(), LogFiles(stage.state).checkpoints.read_bytes()
    newest(stage).write_bytes(b"".join(lines(stage)[:-2]))
    LogFiles(stage.state).checkpoints.unlink()
    assert stage.reconciler("audit", "verify").returncode == 0
    found = stage.reconciler("audit", "verify", "--checkpoint", str(elsewhere))
    assert found.returncode == 2
    assert "it was cut" in found.stdout
    newest(stage).write_bytes(written)
    LogFiles(stage.state).checkpoints.write_bytes(kept)
    oracle.holds("v1")


@pytest.mark.fault("A5")
def test_while_the_log_is_taken_away_nothing_is_changed_and_it_goes_on_when_it_is_back(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    stage.deploy_here("v1")
    log, away = LogFiles(stage.state).folder, stage.folder / "away"
    with stage.controller(RECONCILER_ENGINE=proxy.url, **OFTEN) as controller:
        stage.write(stage.web("v2"))
        eventually("v2 serves", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        log.rename(away)
        proxy.forget()
        stage.write(stage.web("v1"))
        eventually("it is not ready", lambda: not controller.page("readyz"))
        eventually("the metrics say so", lambda: controller.metric("reconciler_state_writable") == 0)
        assert controller.page("healthz")
        assert proxy.mutating() == ()
        refused = stage.reconciler("suspend", stage.name, "--reason", "x")
        assert (refused.returncode, stage.page()) == (1, "web v2")
        away.rename(log)
        eventually("v1 serves", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
        eventually("it is ready again", controller.ready)
    oracle.holds("v1")


@pytest.mark.fault("A6")
@pytest.mark.parametrize("edge", ["before", "after"])
def test_what_a_crash_leaves_open_or_torn_is_told_as_that(edge: str, stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    stage.write(stage.web("v2"))
    killed = stage.reconciler("apply", RECONCILER_FAIL_AT=f"{edge}:stop-container")
    assert killed.returncode == -signal.SIGKILL
    assert [item["action"] for item in entries(stage) if item.get("outcome") == "open"] == ["stop-container"]
    with newest(stage).open("ab") as file:
        file.write(lines(stage)[-1][:100])
    stage.apply()
    (unknown,) = (item for item in entries(stage) if item.get("outcome") == "unknown")
    assert (unknown["action"], unknown["detail"]) == ("stop-container", "the controller ended here")
    found = stage.json("audit", "verify")
    assert (found["whole"], len(found["torn"])) == (True, 1)
    oracle.holds("v2")


@pytest.mark.fault("A7")
def test_commands_beside_a_controller_write_into_one_chain(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        stage.write(stage.web("v2"))
        with ExitStack() as beside:
            for _ in range(4):
                beside.enter_context(stage.beside("clear", stage.name))
        eventually("v2 serves", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
    told = [item["actor"]["type"] for item in entries(stage) if item["action"] == "clear"]
    assert told == ["user"] * 4
    found = stage.json("audit", "verify")
    assert (found["whole"], found["lines"]) == (True, found["last"])
    oracle.holds("v2")


def reasons(value: str) -> Iterator[str]:
    yield f"PASSWORD={value}"
    yield f"see https://ana:{value}@example.com/"
    yield f'{{"api_key": "{value}"}}'
    yield f"Authorization: Bearer {value}"


@pytest.mark.fault("A8")
def test_secrets_are_in_no_line_whatever_people_write(stage: Stage, oracle: Oracle) -> None:
    """Those of the document are planted by the stage, and looked for at its end."""
    value = f"planted-{stage.prefix}"
    stage.plant("the secret in a reason", value, allowed=("history", "said", "shown", "arguments"))
    sealed = {"secrets": [{"name": "db", "encrypted": stage.sealed(f"sealed-{stage.prefix}")}]}
    stage.deploy_here("v1", config=sealed)
    for reason in reasons(value):
        assert stage.reconciler("suspend", stage.name, "--reason", reason).returncode == 0
    stage.reconciler("resume", stage.name)
    stage.deploy_here("v2", config={"environment": {"APP_PASSWORD": f"{stage.canary}-too", "GREETING": "hello"}})
    told = json.dumps(entries(stage))
    assert told.count("hmac:") >= len(tuple(reasons(value)))
    assert value not in told
    oracle.strangers_are_untouched()
