"""``apply``: exit status, results as table and JSON, saved plans, progress, the cap on pruning."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.apply import ended_since
from reconciler.cli.exits import Exit, of_outcomes
from reconciler.cli.progress import brief
from reconciler.controller.applied import Applied
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plans_json
from reconciler.core.record import Operation
from reconciler.core.words import spent
from reconciler.errors import StalePlan, StateLocked
from reconciler.spec.problem import Problem
from tests.cli.parts import DEPLOY, ONE, PRUNE, RECORD
from tests.cli.recorded import NOW, RecordedService, run

OUTCOMES = ("converged", "held", "blocked", "rolled-back", "failed")
WEB = Applied(
    name="web",
    outcome="rolled-back",
    error="web did not become healthy within 60s: exited with 1; last lines: panic: no database",
    outcomes=tuple(
        Outcome(kind="done", action=action, duration_ms=1500 * place)
        for place, action in enumerate(DEPLOY.actions)
    ),
)
DB = Applied(name="db", outcome="converged")


@pytest.mark.parametrize(("outcome", "status"), list(zip(OUTCOMES, (0, 5, 5, 3, 4), strict=True)))
def test_each_outcome_has_its_exit_status(tmp_path: Path, outcome: str, status: int) -> None:
    service = RecordedService(results=(Applied(name="web", outcome=outcome),))  # type: ignore[arg-type]
    ran = run(service, "apply", folder=tmp_path)
    assert ran.status == status
    assert ran.exclusive == [True]


@given(st.lists(st.sampled_from(OUTCOMES)))
def test_the_worst_outcome_decides(outcomes: list[str]) -> None:
    ranks = {"failed": Exit.FAILED, "rolled-back": Exit.ROLLED_BACK, "held": Exit.HELD, "blocked": Exit.HELD}
    expected = next((status for outcome, status in ranks.items() if outcome in outcomes), Exit.DONE)
    assert of_outcomes(outcomes) == expected


def test_the_table_at_eighty_columns(tmp_path: Path) -> None:
    ran = run(RecordedService(results=(WEB, DB)), "apply", "--color", "never", folder=tmp_path, terminal=80)
    assert ran.out == (
        "DOCUMENT  OUTCOME      WORK\n"
        "web       rolled-back  4 actions in 9s\n"
        "    web did not become healthy within 60s: exited with 1; last lines: panic: no\n"
        "    database\n"
        "db        converged    -\n"
    )


def test_the_table_on_a_pipe_is_whole(tmp_path: Path) -> None:
    out = run(RecordedService(results=(WEB,)), "apply", folder=tmp_path).out
    assert out == (
        "DOCUMENT  OUTCOME      WORK             REASON\n"
        "web       rolled-back  4 actions in 9s  web did not become healthy within 60s: exited with 1; last "
        "lines: panic: no database\n"
    )


def test_a_release_that_failed_is_followed_by_the_next_step(tmp_path: Path) -> None:
    service = RecordedService(results=(WEB, DB), records={"web": RECORD})
    assert run(service, "apply", folder=tmp_path).err == (
        "next: web: edit the document, `reconciler clear web` or `reconciler rollback web`\n"
    )


def test_no_documents_is_told(tmp_path: Path) -> None:
    ran = run(RecordedService(), "apply", folder=tmp_path)
    assert (ran.out, ran.err, ran.status) == ("", "nothing to do\n", 0)


def test_json_has_every_action_with_its_cause_and_outcome(tmp_path: Path) -> None:
    value = json.loads(run(RecordedService(results=(WEB, DB)), "apply", "--json", folder=tmp_path).out)
    assert value["version"] == 1
    assert value["documents"][1] == {"name": "db", "outcome": "converged", "error": "", "actions": []}
    assert value["documents"][0]["actions"][1] == {
        "action": "create-container",
        "target": "web-next-g2",
        "cause": "release r2 replaces r1",
        "outcome": "done",
        "durationMs": 1500,
    }


def test_a_saved_plan_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(plans_json((DEPLOY,))))
    service = RecordedService(results=(DB,))
    run(service, "apply", "web", "--plan", str(tmp_path / "p.json"), folder=tmp_path)
    assert service.calls == [("apply", ("web",), plans_json((DEPLOY,)), False)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a saved plan: no JSON"),
        ("[" * 100_000, "is not a saved plan: no JSON"),
        ("[]", "is not a saved plan"),
        ('{"version": 1}', "is not a saved plan"),
        ('{"version": 9, "basis": "", "documents": []}', "is a plan of version 9; this program reads 1"),
    ],
)
def test_what_is_no_plan_is_refused_before_anything_is_opened(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "p.json").write_text(content)
    ran = run(RecordedService(), "apply", "--plan", str(tmp_path / "p.json"), folder=tmp_path)
    assert ran.status == 1
    assert message in ran.err
    assert ran.exclusive == []


def test_a_stale_plan_is_an_error_with_a_hint(tmp_path: Path) -> None:
    service = RecordedService(failing=StalePlan("web changed since the plan was made", hint="make a new plan"))
    ran = run(service, "apply", folder=tmp_path)
    assert (ran.status, ran.err) == (1, "error: web changed since the plan was made\nhint: make a new plan\n")


def test_a_lock_that_is_held_is_an_error(tmp_path: Path) -> None:
    ran = run(RecordedService(), "apply", folder=tmp_path, opening=StateLocked("held by process 7"))
    assert (ran.status, ran.out, ran.err) == (1, "", "error: held by process 7\n")


def test_a_broken_file_makes_an_otherwise_good_run_an_error(tmp_path: Path) -> None:
    broken = (Problem("a.yaml", 1, 1, "", "is empty"),)
    assert run(RecordedService(results=(DB,), problems=broken), "apply", folder=tmp_path).status == 1
    assert run(RecordedService(results=(DB,), problems=broken), "apply", "db", folder=tmp_path).status == 0
    assert run(RecordedService(results=(WEB,), problems=broken), "apply", folder=tmp_path).status == 3


@pytest.mark.parametrize(
    ("file", "document", "status"),
    [("other.yaml", "", 0), ("web.yaml", "", 1), ("web.yaml", "other", 0), ("other.yaml", "web", 1)],
)
def test_a_named_document_that_cannot_be_read_is_an_error(
    tmp_path: Path, file: str, document: str, status: int
) -> None:
    """Its last good state is in force; that it converged is no answer to whoever asked for the file as it is."""
    broken = Problem(file, 1, 1, "", "is empty", document=document)
    service = RecordedService(results=(DB,), documents=(ONE,), problems=(broken,))
    assert run(service, "apply", "web", folder=tmp_path).status == status


def test_a_folder_that_cannot_be_read_is_an_error_whatever_is_named(tmp_path: Path) -> None:
    broken = (Problem("desired", 1, 1, "", "the folder cannot be read"),)
    service = RecordedService(results=(DB,), documents=(ONE,), problems=broken, complete=False)
    assert run(service, "apply", "web", folder=tmp_path).status == 1


def test_pruning_is_handed_on(tmp_path: Path) -> None:
    service = RecordedService(results=(DB,), orphans=(PRUNE,), documents=(ONE,))
    assert run(service, "apply", "--prune", folder=tmp_path).status == 0
    assert service.calls[-1] == ("apply", (), None, True)


def test_pruning_too_much_at_once_waits_for_a_person(tmp_path: Path) -> None:
    service = RecordedService(results=(DB,), orphans=(PRUNE, PRUNE), documents=(ONE,))
    ran = run(service, "apply", "--prune", folder=tmp_path)
    assert ran.status == 5
    assert service.calls[-1] == ("apply", (), None, False)
    assert "not pruned: 2 of 3 documents would be removed" in ran.err


def test_an_interrupted_run_says_how_it_goes_on(tmp_path: Path) -> None:
    ran = run(RecordedService(failing=KeyboardInterrupt()), "apply", folder=tmp_path)
    assert ran.status == 130
    assert ran.err == "\nstopped; the next pass goes on from here\n"


ENDED = replace(RECORD.operations[0], ended_at=NOW)
SAID = "finishing or taking back what is under way; Ctrl-C again to stop now\n"


@dataclass(kw_only=True)
class Interrupted(RecordedService):
    """Ctrl-C comes while it applies."""

    def apply(self, *_: Any, **__: Any) -> tuple[Applied, ...]:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the signal was not heard")


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (Plan(document="web"), "stopped; nothing is left to do\n"),
        (DEPLOY, "stopped; the next pass goes on with web\n"),
    ],
)
def test_an_interruption_is_answered_at_once_and_what_ended_is_shown(
    tmp_path: Path, plan: Plan, told: str
) -> None:
    service = Interrupted(planned=(plan,), records={"web": replace(RECORD, operations=(ENDED,))})
    before = signal.getsignal(signal.SIGINT)
    ran = run(service, "apply", folder=tmp_path)
    assert (ran.status, ran.err) == (130, SAID + told)
    assert ran.out.splitlines()[1].split() == ["web", "converged", "-"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        (ENDED, ("converged", "")),
        (replace(ENDED, state="undone", restored=True, failure="it crashed"), ("rolled-back", "it crashed")),
        (replace(ENDED, state="undone"), ("failed", "interrupted, taken back")),
        (replace(ENDED, ended_at=NOW - 1), None),
        (replace(ENDED, state="intent"), None),
        (None, None),
    ],
)
def test_what_ended_is_told_by_the_record(operation: Operation | None, outcome: tuple[str, str] | None) -> None:
    record = replace(RECORD, operations=(operation,) if operation else ())
    assert [(item.outcome, item.error) for item in ended_since([record], NOW)] == ([outcome] if outcome else [])


def test_the_second_interruption_ends_the_process_on_the_spot() -> None:
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == SAID + "stopped at once; the next pass finishes or takes back what was under way\n"


TWICE = """
import signal
from reconciler.cli.interrupts import interruptible
from reconciler.cli.screen import Screen
with interruptible(Screen(color="never", environment={})):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
print("still there")
"""


def test_progress_on_a_pipe_is_plain_lines_without_a_flood(tmp_path: Path) -> None:
    reports = (
        ("web", "pulling 10 %"),
        ("web", "pulling 20 %"),
        ("db", "pulling 20 %"),
        ("web", "starting"),
        ("web", "pulling 30 %"),
    )
    ran = run(RecordedService(results=(DB,), reports=reports), "apply", "--json", folder=tmp_path)
    assert ran.err.splitlines() == [
        "web: pulling 10 %",
        "db: pulling 20 %",
        "web: starting",
        "web: pulling 30 %",
    ]
    assert json.loads(ran.out)["version"] == 1


def test_progress_that_only_counts_is_told_again_after_a_while(tmp_path: Path) -> None:
    times = iter([0.0, 0.0, 4.9, 5.0, 6.0])
    reports = tuple(("web", f"pulling {percent} %") for percent in (1, 2, 3, 4))
    service = RecordedService(results=(DB,), reports=reports)
    assert run(service, "apply", folder=tmp_path, clock=lambda: next(times)).err.splitlines() == [
        "web: pulling 1 %",
        "web: pulling 3 %",
    ]


def test_progress_on_a_terminal_is_drawn_and_then_gone(tmp_path: Path) -> None:
    reports = (("web", "pulling 10 %"), ("db", "waiting\x1b[31m"))
    ran = run(RecordedService(results=(DB,), reports=reports), "apply", folder=tmp_path, terminal=80)
    assert "pulling 10 %" in ran.err
    assert "waiting\\x1b[31m" in ran.err
    assert ran.err.rstrip().endswith("\x1b[2K")


def test_what_has_ended_is_marked_and_makes_room_for_the_rest(tmp_path: Path) -> None:
    reports = (("web", "converged"), ("db", "failed"), *((f"w{number}", "converged") for number in range(40)))
    ran = run(RecordedService(results=(DB,), reports=reports[:2]), "apply", folder=tmp_path, terminal=80)
    assert "✓" in ran.err
    assert "✗" in ran.err
    ran = run(RecordedService(results=(DB,), reports=reports), "apply", folder=tmp_path, terminal=80)
    assert "42 done" in ran.err


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"pull-image a.b/web@sha256:{'a' * 64}", f"pull-image a.b/web@sha256:{'a' * 12}…"),
        (f"pull-image a.b/web@sha256:{'a' * 64}: pulling a.b/web@aaa: 3 %", "pulling web: 3 %"),
        ("wait-healthy web: starting, 3s of 60s", "wait-healthy: starting, 3s of 60s"),
        ("create-container web-next-g1", "create-container web-next-g1"),
        ("converged", "converged"),
    ],
)
def test_a_live_line_says_nothing_twice(line: str, shown: str) -> None:
    assert brief(line, "web") == shown


def test_progress_too_long_for_the_terminal_wraps_and_hides_nothing(tmp_path: Path) -> None:
    services = ", ".join(f"service-{number}: starting" for number in range(6))
    reports = (("shop", f"wait-project shop: 0 of 6 services healthy, waiting for {services} 0s of 60s"),)
    ran = run(RecordedService(results=(DB,), reports=reports), "apply", folder=tmp_path, terminal=60)
    assert " \x1b[1mshop\x1b[0m wait-project: 0 of 6" in ran.err
    assert all(f"service-{number}:" in ran.err for number in range(6))
    assert "0s of 60s" in ran.err


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(0, "0ms"), (999, "999ms"), (2849, "2.8s"), (9000, "9s"), (200_000, "3m20s")]
)
def test_time_spent_is_short(milliseconds: int, words: str) -> None:
    assert spent(milliseconds) == words
