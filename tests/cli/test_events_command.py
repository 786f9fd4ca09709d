"""``events``: golden tables over all documents, and lines that go on as things happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.core.record import Event
from tests.cli.recorded import NOW, Ran, RecordedService, run

CREATE = Event(
    at=NOW - 130,
    document="web",
    action="create-container",
    target="web-next-g3",
    cause="release r3 replaces r2",
    outcome="done",
)
WAIT = replace(
    CREATE,
    at=NOW - 65,
    document="db",
    action="wait-healthy",
    target="db",
    outcome="failed",
    detail="exited with 1",
)
LATE = replace(CREATE, at=NOW, action="commit", target="", cause="")


class Watcher:
    """Somebody who watches: while they wait things happen, and then they press Ctrl-C."""

    def __init__(self, service: RecordedService, *happen: Event) -> None:
        self._service = service
        self._happen = list(happen)
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        if not self._happen:
            raise KeyboardInterrupt
        self._service.happened += (self._happen.pop(0),)


def watch(
    folder: Path, *arguments: str, before: tuple[Event, ...] = (CREATE, WAIT)
) -> tuple[Ran, RecordedService]:
    service = RecordedService(happened=before)
    sleep: Callable[[float], None] = Watcher(service, LATE)
    return run(service, "events", "--watch", *arguments, folder=folder, sleep=sleep), service


def test_events_at_eighty_columns_newest_last(tmp_path: Path) -> None:
    service = RecordedService(happened=(CREATE, WAIT))
    ran = run(service, "events", "--color", "never", folder=tmp_path, terminal=80)
    assert ran.out == (
        "WHEN  DOCUMENT  ACTION            RESULT  TARGET\n"
        "  2m  web       create-container  done    web-next-g3\n"
        "    release r3 replaces r2\n"
        "  1m  db        wait-healthy      failed  db\n"
        "    release r3 replaces r2: exited with 1\n"
    )
    assert service.calls == [("events_after", 0, (), 20)]


def test_events_at_120_columns_have_causes_in_the_row(tmp_path: Path) -> None:
    service = RecordedService(happened=(CREATE, WAIT))
    lines = run(service, "events", "--color", "never", folder=tmp_path, terminal=120).out.splitlines()
    assert lines[1] == "  2m  web       create-container  done    web-next-g3  release r3 replaces r2"


def test_programs_get_all_there_is(tmp_path: Path) -> None:
    told = json.loads(run(RecordedService(happened=(WAIT,)), "events", "--json", folder=tmp_path).out)
    (event,) = told["events"]
    assert (told["version"], event["document"], event["outcome"]) == (1, "db", "failed")
    assert event["detail"] == "exited with 1"


def test_nothing_is_said_to_be_nothing(tmp_path: Path) -> None:
    ran = run(RecordedService(), "events", folder=tmp_path)
    assert (ran.status, ran.out, ran.err) == (0, "", "nothing was ever done\n")


def test_watching_shows_what_was_and_each_thing_as_it_happens(tmp_path: Path) -> None:
    ran, _ = watch(tmp_path, "web")
    assert ran.out == (
        "2026-11-18T11:04:30Z  web  done  create-container web-next-g3: release r3 replaces r2\n"
        "2026-11-18T11:05:35Z  db  failed  wait-healthy db: release r3 replaces r2: exited with 1\n"
        "2026-11-18T11:06:40Z  web  done  commit\n"
    )


def test_watching_asks_for_what_came_after_and_for_the_names_that_were_given(tmp_path: Path) -> None:
    _, service = watch(tmp_path, "web")
    assert (
        service.calls
        == [
            ("events_after", 0, ("web",), 20),
            ("events_after", 2, ("web",), 1000),
            ("events_after", 2, ("web",), 1000),
            ("events_after", 3, ("web",), 1000),
        ][: len(service.calls)]
    )
    assert len(service.calls) >= 3


def test_watching_without_the_past_shows_only_what_comes(tmp_path: Path) -> None:
    ran, service = watch(tmp_path, "--limit", "0")
    assert ran.out == "2026-11-18T11:06:40Z  web  done  commit\n"
    assert service.calls[1][1] == 2


def test_watching_where_nothing_was_ever_done(tmp_path: Path) -> None:
    ran, service = watch(tmp_path, before=())
    assert ran.out == "2026-11-18T11:06:40Z  web  done  commit\n"
    assert service.calls[1][1] == 0


def test_programs_that_watch_get_a_line_each(tmp_path: Path) -> None:
    ran, _ = watch(tmp_path, "--json")
    assert [json.loads(line)["action"] for line in ran.out.splitlines()] == [
        "create-container",
        "wait-healthy",
        "commit",
    ]
