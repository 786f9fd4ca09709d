"""``status``: golden tables on terminals of 80 and 120 columns and on a pipe, order, details, exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import Suspension
from reconciler.core.drift import Drift
from reconciler.core.record import Event
from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import worst_first
from reconciler.spec.problem import Problem
from tests.cli.parts import RECORD, desired
from tests.cli.recorded import NOW, Ran, RecordedService, run

WEB = DocumentStatus(
    name="web",
    kind="Container",
    target="host-a",
    sync="OutOfSync",
    health="Healthy",
    phase="RolledBack",
    reason="release rel-2026.11.3 is quarantined: web did not become healthy within 60s: exited with 1",
    desired_release="rel-2026.11.3",
    desired_digest="sha256:" + "b" * 64,
    running_release="rel-2026.11.2",
    running_digest="sha256:" + "a" * 64,
    drift=(
        Drift("release", "release.id", "rel-2026.11.3", "rel-2026.11.2"),
        Drift("image", "digest", "shop/web@bbbbbbbbbbbb", "shop/web@aaaaaaaaaaaa"),
    ),
    since=NOW - 200,
    sticker="current",
    quarantined="web did not become healthy within 60s: exited with 1",
    last_action="deploy generation 3 undone",
)
DB = DocumentStatus(
    name="db",
    kind="Container",
    target="host-a",
    sync="Synced",
    health="Healthy",
    phase="Converged",
    desired_release="pg-17.2",
    desired_digest="sha256:" + "d" * 64,
    running_release="pg-17.2",
    running_digest="sha256:" + "d" * 64,
    since=NOW - 3 * 86400,
    sticker="current",
)
CACHE = DocumentStatus(
    name="cache",
    kind="Container",
    target="",
    sync="Synced",
    health="Suspended",
    phase="Held",
    suspension=Suspension(by="ana", reason="incident 42", until=NOW + 3600),
    desired_release="r1",
    running_release="r1",
    since=NOW - 7200,
)
JOB = replace(DB, name="job", sync="Unknown", health="Unknown", phase="Blocked", reason="no engine", since=0.0)
MISSING = replace(DB, name="api", sync="OutOfSync", health="Missing", phase="Reconciling", running_release="")

AT_80 = """\
DOCUMENT  SYNC       HEALTH     RELEASE        DRIFT       SINCE
web       OutOfSync  Healthy    rel-2026.11.2  release +1     3m
    wants rel-2026.11.3, RolledBack: release rel-2026.11.3 is quarantined: web
    did not become healthy within 60s: exited with 1
cache     Synced     Suspended  r1             -              2h
    Held, suspended by ana until 2026-11-18T12:06:40Z: incident 42
db        Synced     Healthy    pg-17.2        -              3d
"""
AT_120 = """\
DOCUMENT  SYNC    HEALTH     RELEASE  DRIFT  SINCE  REASON
cache     Synced  Suspended  r1       -         2h  Held, suspended by ana until 2026-11-18T12:06:40Z: incident 42
db        Synced  Healthy    pg-17.2  -         3d
"""
PIPED = (
    "DOCUMENT  SYNC       HEALTH   RELEASE        DRIFT       SINCE  REASON\n"
    "web       OutOfSync  Healthy  rel-2026.11.2  release +1     3m  wants rel-2026.11.3, RolledBack: release "
    "rel-2026.11.3 is quarantined: web did not become healthy within 60s: exited with 1\n"
)
NAMED = """\
web
  sync        OutOfSync for 3m
  health      Healthy
  phase       RolledBack
  reason      release rel-2026.11.3 is quarantined: web did not become healthy
              within 60s: exited with 1
  wanted      rel-2026.11.3  bbbbbbbbbbbb
  running     rel-2026.11.2  aaaaaaaaaaaa
  quarantine  web did not become healthy within 60s: exited with 1
  last        deploy generation 3 undone 2m ago
  sticker     current
  target      host-a
  file        desired/web.yaml:1

2 differences
DRIFT    PATH        DIFFERENCE
release  release.id  wanted rel-2026.11.3, found rel-2026.11.2
image    digest      wanted shop/web@bbbbbbbbbbbb, found shop/web@aaaaaaaaaaaa

last done
WHEN  ACTION           RESULT  TARGET  BECAUSE
  2m  start-container  done    web     release r3 replaces r2
  2m  wait-healthy     failed  web
"""


BROKEN = Problem("web.yaml", 3, 5, "spec.digest", "is missing", document="web")
ODD = Problem("web.yaml", 3, 5, "spec.digest", "is unusual", level="warning")
GONE = Problem("desired", 1, 1, "", "the folder cannot be read: No such file or directory")


def show(folder: Path, *arguments: str, of: tuple[DocumentStatus, ...] = (DB, CACHE, WEB), **options: Any) -> Ran:
    service = RecordedService(statuses=of, problems=options.pop("problems", ()))
    return run(service, "status", *arguments, folder=folder, **options)


def test_the_table_fits_eighty_columns(tmp_path: Path) -> None:
    ran = show(tmp_path, "--color", "never", terminal=80)
    assert ran.out == AT_80
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.exclusive == [False]


def test_a_long_name_gives_way_to_the_words_beside_it(tmp_path: Path) -> None:
    out = show(tmp_path, "--color", "never", of=(replace(WEB, name="w" * 63),), terminal=80).out
    head, line = out.splitlines()[:2]
    assert head.split() == ["DOCUMENT", "SYNC", "HEALTH", "RELEASE", "DRIFT", "SINCE"]
    assert line.split()[1:] == ["OutOfSync", "Healthy", "rel-2026.11.2", "release", "+1", "3m"]
    assert line.startswith("wwwwww")
    assert "…" in line
    assert max(map(len, out.splitlines())) <= 80


def test_a_wide_terminal_shows_the_reason_in_the_row(tmp_path: Path) -> None:
    ran = show(tmp_path, "--color", "never", of=(DB, CACHE), terminal=120)
    assert ran.out == AT_120
    assert ran.status == 0


def test_a_pipe_gets_everything_on_one_line_and_no_escape_codes(tmp_path: Path) -> None:
    ran = show(tmp_path, of=(WEB,))
    assert ran.out == PIPED
    assert "\x1b" not in ran.out + ran.err


HAPPENED = tuple(
    Event(
        at=NOW - 130,
        document="web",
        action=action,
        target="web",
        cause="release r3 replaces r2",
        outcome=outcome,
    )
    for action, outcome in (("start-container", "done"), ("wait-healthy", "failed"))
)


def test_a_named_document_is_a_page_with_all_that_is_to_know(tmp_path: Path) -> None:
    service = RecordedService(
        statuses=(WEB,), documents=(desired("r3"),), records={"web": RECORD}, happened=HAPPENED
    )
    assert run(service, "status", "web", "--color", "never", folder=tmp_path, terminal=80).out == NAMED


def test_a_page_in_a_pipe_has_exact_times_and_every_cause(tmp_path: Path) -> None:
    record = replace(RECORD, failures=3, retry_at=NOW + 70)
    service = RecordedService(statuses=(CACHE, WEB), records={"web": record}, happened=HAPPENED)
    out = run(service, "status", "cache", "web", folder=tmp_path).out
    assert "OutOfSync since 2026-11-18T11:03:20Z" in out
    assert "by ana until 2026-11-18T12:06:40Z: incident 42" in out
    assert "in 1m, after 3 failures" in out
    assert out.count("release r3 replaces r2") == 2 * len(HAPPENED)
    assert "\n\ncache\n" in out


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
        (["--color", "never"], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"RECONCILER_COLOR": "never"}, False),
    ],
)
def test_colours_follow_the_terminal_the_environment_and_the_flag(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], colored: bool
) -> None:
    ran = show(tmp_path, *arguments, terminal=80, environment=environment)
    assert ("\x1b[" in ran.out) is colored


def test_colours_can_be_asked_for_on_a_pipe(tmp_path: Path) -> None:
    assert "\x1b[33mOutOfSync" in show(tmp_path, "--color", "always").out


@pytest.mark.parametrize(
    ("of", "status"),
    [
        ((), 0),
        ((DB,), 0),
        ((DB, WEB), 2),
        ((JOB,), 2),
        ((replace(DB, health="Degraded", drift=(Drift("unhealthy", "health", "healthy", "unhealthy"),)),), 2),
    ],
)
def test_the_exit_status_is_2_when_something_differs_or_is_not_known(
    tmp_path: Path, of: tuple[DocumentStatus, ...], status: int
) -> None:
    assert show(tmp_path, of=of).status == status


@pytest.mark.parametrize(
    ("problem", "of", "arguments", "status"),
    [
        (BROKEN, (DB,), [], 1),
        (BROKEN, (DB, MISSING), [], 1),
        (GONE, (), [], 1),
        (BROKEN, (DB,), ["db"], 0),
        (ODD, (DB,), [], 0),
        (ODD, (MISSING,), [], 2),
    ],
)
def test_a_broken_file_is_told_with_a_path_that_opens_and_is_an_error(
    tmp_path: Path, problem: Problem, of: tuple[DocumentStatus, ...], arguments: list[str], status: int
) -> None:
    ran = show(tmp_path, *arguments, of=of, problems=(problem,))
    prefix = "" if problem is GONE else "desired/"
    assert (ran.status, ran.err) == (status, f"{prefix}{problem}\n")


def test_a_release_that_was_rolled_back_is_followed_by_the_next_step(tmp_path: Path) -> None:
    service = RecordedService(statuses=(WEB, DB), records={"web": RECORD})
    assert run(service, "status", folder=tmp_path).err == (
        "next: web: edit the document, `reconciler clear web` or `reconciler rollback web`\n"
    )


def test_json_carries_the_problems(tmp_path: Path) -> None:
    ran = show(tmp_path, "--json", of=(DB,), problems=(BROKEN,))
    (problem,) = json.loads(ran.out)["problems"]
    assert (problem["file"], problem["line"], problem["document"]) == ("desired/web.yaml", 3, "web")
    assert (ran.status, ran.err) == (1, "")


@given(st.permutations([WEB, DB, CACHE, JOB, MISSING]))
def test_the_worst_comes_first_in_whatever_order_they_came(shuffled: list[DocumentStatus]) -> None:
    assert [item.name for item in worst_first(shuffled)] == ["api", "web", "cache", "job", "db"]


def test_what_does_not_serve_comes_before_what_is_to_be_decided_and_what_differs_before_what_is_paused() -> None:
    down = replace(DB, name="down", sync="OutOfSync", health="Degraded", phase="Held")
    held = replace(DB, name="held", sync="OutOfSync", phase="Held")
    assert [item.name for item in worst_first([CACHE, held, WEB, down])] == ["down", "web", "held", "cache"]


def test_what_runs_but_is_not_wanted_says_so(tmp_path: Path) -> None:
    gone = replace(DB, desired_release="", desired_digest="")
    assert show(tmp_path, of=(gone,)).out.splitlines()[1].endswith("not wanted any more")


def test_what_is_wanted_but_does_not_run_says_so(tmp_path: Path) -> None:
    line = show(tmp_path, of=(MISSING,)).out.splitlines()[1]
    assert line.split() == ["api", "OutOfSync", "Missing", "none", "-", "3d", "wants", "pg-17.2"]


def test_a_suspension_without_end_names_who_and_why(tmp_path: Path) -> None:
    held = replace(CACHE, suspension=Suspension(by="bo", reason="migration"))
    assert show(tmp_path, of=(held,)).out.splitlines()[1].endswith("Held, suspended by bo: migration")


def test_an_empty_folder_is_told_and_prints_nothing(tmp_path: Path) -> None:
    ran = show(tmp_path, of=())
    assert (ran.out, ran.err) == ("", "no documents in desired\n")


def test_json_carries_everything(tmp_path: Path) -> None:
    ran = show(tmp_path, "--json", of=(CACHE, WEB))
    value = json.loads(ran.out)
    assert value["version"] == 1
    assert value["documents"][0] == {
        "name": "web",
        "kind": "Container",
        "target": "host-a",
        "sync": "OutOfSync",
        "health": "Healthy",
        "phase": "RolledBack",
        "reason": WEB.reason,
        "desired": {"release": "rel-2026.11.3", "digest": WEB.desired_digest},
        "running": {"release": "rel-2026.11.2", "digest": WEB.running_digest},
        "drift": [
            {"kind": "release", "path": "release.id", "wanted": "rel-2026.11.3", "found": "rel-2026.11.2"},
            {
                "kind": "image",
                "path": "digest",
                "wanted": "shop/web@bbbbbbbbbbbb",
                "found": "shop/web@aaaaaaaaaaaa",
            },
        ],
        "since": "2026-11-18T11:03:20Z",
        "sticker": "current",
        "quarantined": WEB.quarantined,
        "suspended": None,
        "lastAction": "deploy generation 3 undone",
    }
    assert value["documents"][1]["suspended"] == {
        "by": "ana",
        "reason": "incident 42",
        "until": "2026-11-18T12:06:40Z",
    }
    assert ran.out.isascii()


def test_hostile_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    hostile = replace(DB, reason="\x1b]0;owned\x07\nsecond\u202e line", phase="Blocked")
    out = show(tmp_path, of=(hostile,), terminal=120, environment={"NO_COLOR": "1"}).out
    assert "\\x1b]0;owned\\x07; second\\u202e line" in out
    assert "\x1b" not in out


class Interrupts:
    """Ctrl-C in the n-th pause."""

    def __init__(self, pauses: int) -> None:
        self.left = pauses

    def __call__(self, seconds: float) -> None:
        assert seconds == 0.5
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_watching_a_pipe_prints_only_news_until_it_is_interrupted(tmp_path: Path) -> None:
    ran = show(tmp_path, "--watch", "--every", "0.5", of=(DB,), sleep=Interrupts(3))
    assert ran.out.count("DOCUMENT") == 1
    assert ran.status == 130
    assert ran.err == "\nstopped\n"


def test_watching_on_a_terminal_draws_anew_each_time(tmp_path: Path) -> None:
    ran = show(tmp_path, "--watch", "--every", "0.5", of=(DB,), sleep=Interrupts(3), terminal=80)
    assert ran.out.count("DOCUMENT") == 3


def test_a_broken_audit_log_is_told_beside_the_documents(tmp_path: Path) -> None:
    ran = run(
        RecordedService(audit="the audit log is broken: audit-1.jsonl:3: was edited"), "status", folder=tmp_path
    )
    assert ran.err.startswith("the audit log is broken: audit-1.jsonl:3: was edited\n")
