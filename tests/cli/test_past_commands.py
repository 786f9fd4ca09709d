"""``why`` and ``history``: golden tables, JSON, what is said when there is nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from reconciler.core.image import short_digest
from reconciler.core.record import Event, Operation, Record, Revision
from tests.cli.parts import ONE, PROJECT, RECORD, THREE, B
from tests.cli.recorded import NOW, RecordedService, run

CREATE = Event(
    at=NOW - 130,
    document="web",
    action="create-container",
    target="web-next-g3",
    cause="release r3 replaces r2",
    outcome="done",
    generation=3,
    actor="ana",
)
WAIT = Event(
    at=NOW - 65,
    document="web",
    action="wait-healthy",
    target="web",
    cause="release r3 replaces r2",
    outcome="failed",
    detail="exited with 1; last lines: panic",
    generation=3,
)
SERVICE = RecordedService(records={"web": RECORD}, happened=(WAIT, CREATE))


def test_why_at_eighty_columns_newest_last(tmp_path: Path) -> None:
    out = run(SERVICE, "why", "web", "--color", "never", folder=tmp_path, terminal=80).out
    assert out == (
        "WHEN  ACTION            RESULT  TARGET\n"
        "  2m  create-container  done    web-next-g3\n"
        "    release r3 replaces r2\n"
        "  1m  wait-healthy      failed  web\n"
        "    release r3 replaces r2: exited with 1; last lines: panic\n"
    )


def test_why_at_120_columns_has_causes_in_the_row(tmp_path: Path) -> None:
    out = run(SERVICE, "why", "web", "--color", "never", folder=tmp_path, terminal=120).out
    assert out == (
        "WHEN  ACTION            RESULT  TARGET       BECAUSE\n"
        "  2m  create-container  done    web-next-g3  release r3 replaces r2\n"
        "  1m  wait-healthy      failed  web          release r3 replaces r2: exited with 1; last lines: panic\n"
    )


def test_why_on_a_pipe_has_exact_times(tmp_path: Path) -> None:
    lines = run(SERVICE, "why", "web", folder=tmp_path).out.splitlines()
    assert lines[1].startswith("2026-11-18T11:04:30Z  create-container  done    web-next-g3  release r3")


def test_why_in_json_is_oldest_first(tmp_path: Path) -> None:
    value = json.loads(run(SERVICE, "why", "web", "--json", "--limit", "7", folder=tmp_path).out)
    assert value["version"] == 1
    assert value["name"] == "web"
    assert [event["action"] for event in value["events"]] == ["create-container", "wait-healthy"]
    assert value["events"][0] == {
        "at": "2026-11-18T11:04:30Z",
        "action": "create-container",
        "target": "web-next-g3",
        "cause": "release r3 replaces r2",
        "outcome": "done",
        "detail": "",
        "actor": "ana",
        "generation": 3,
    }
    assert ("events", "web", 7) in SERVICE.calls


def test_why_without_events_says_so(tmp_path: Path) -> None:
    ran = run(RecordedService(), "why", "web", folder=tmp_path)
    assert (ran.status, ran.out, ran.err) == (0, "", "nothing was ever done for web\n")


def test_history_at_eighty_columns(tmp_path: Path) -> None:
    out = run(SERVICE, "history", "web", "--color", "never", folder=tmp_path, terminal=80).out
    assert out == (
        "GEN  KIND    STATE      RELEASE  DIGEST        STARTED\n"
        "  1  deploy  committed  r1       aaaaaaaaaaaa       1d\n"
        "    was good\n"
        "  2  deploy  committed  r2       bbbbbbbbbbbb       1h\n"
        "    running\n"
        "  3  deploy  undone     r3       bbbbbbbbbbbb       2m\n"
        "    web did not become healthy within 60s: exited with 1\n"
    )


def test_history_at_120_columns(tmp_path: Path) -> None:
    out = run(SERVICE, "history", "web", "--color", "never", folder=tmp_path, terminal=120).out
    assert out == (
        "GEN  KIND    STATE      RELEASE  DIGEST        STARTED  RESULT\n"
        "  1  deploy  committed  r1       aaaaaaaaaaaa       1d  was good\n"
        "  2  deploy  committed  r2       bbbbbbbbbbbb       1h  running\n"
        "  3  deploy  undone     r3       bbbbbbbbbbbb       2m  "
        "web did not become healthy within 60s: exited with 1\n"
    )


def test_history_tells_what_is_under_way_interrupted_or_forgotten(tmp_path: Path) -> None:
    operation = RECORD.operations[2]
    operations = (
        replace(operation, generation=3, failure=""),
        replace(operation, generation=4, state="intent"),
        replace(operation, generation=5, state="intent", failure="", fingerprint="f" * 64, started_at=0.0),
    )
    service = RecordedService(records={"web": replace(RECORD, operations=operations)})
    lines = run(service, "history", "web", folder=tmp_path).out.splitlines()
    assert lines[1].endswith("interrupted")
    assert lines[2].endswith("failed, not taken back yet: web did not become healthy within 60s: exited with 1")
    assert lines[3].split() == ["5", "deploy", "intent", "-", "-", "-", "under", "way"]


def test_history_in_json_has_generations_and_quarantine(tmp_path: Path) -> None:
    record = replace(RECORD, quarantined={**RECORD.quarantined, "f" * 64: "gone from the history"})
    service = RecordedService(records={"web": record})
    value = json.loads(run(service, "history", "web", "--json", folder=tmp_path).out)
    assert value["version"] == 1
    assert value["name"] == "web"
    assert value["quarantined"] == [
        {
            "release": "r3",
            "fingerprint": THREE.fingerprint,
            "reason": "web did not become healthy within 60s: exited with 1",
        },
        {"release": "", "fingerprint": "f" * 64, "reason": "gone from the history"},
    ]
    assert value["generations"][0] == {
        "generation": 1,
        "kind": "deploy",
        "state": "committed",
        "release": "r1",
        "image": str(ONE.image),
        "fingerprint": ONE.fingerprint,
        "startedAt": "2026-11-17T10:06:40Z",
        "endedAt": "2026-11-17T10:06:50Z",
        "failure": "",
        "actor": "ana",
        "cause": "it was never deployed",
    }
    assert value["generations"][1]["image"] == str(B)
    assert value["generations"][1]["endedAt"] is None


def test_history_of_a_project_names_the_image_of_each_service(tmp_path: Path) -> None:
    name, fingerprint = PROJECT.name, PROJECT.fingerprint
    operation = Operation(generation=1, kind="deploy", fingerprint=fingerprint, state="committed")
    revision = Revision(fingerprint=fingerprint, desired=PROJECT)
    record = Record(document=name, owner="o", revisions=(revision,), operations=(operation,))
    service = RecordedService(records={name: record})
    told = json.loads(run(service, "history", name, "--json", folder=tmp_path).out)["generations"][0]
    assert told["image"] == ""
    assert PROJECT.project is not None
    assert told["images"] == {item.name: str(item.image) for item in PROJECT.project.services}
    assert f" {short_digest(PROJECT.digest)} " in run(service, "history", name, folder=tmp_path).out


def test_history_of_a_document_that_never_ran_says_so(tmp_path: Path) -> None:
    service = RecordedService(records={"web": Record(document="web", owner="o")})
    ran = run(service, "history", "web", folder=tmp_path)
    assert (ran.status, ran.out, ran.err) == (0, "", "web was never deployed\n")


def test_an_unknown_document_is_an_error_with_the_known_ones(tmp_path: Path) -> None:
    ran = run(RecordedService(), "history", "wbe", folder=tmp_path)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "error: no document is named wbe\nhint: known: web\n"
