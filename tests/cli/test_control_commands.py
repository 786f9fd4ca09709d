"""``suspend``, ``resume``, ``clear``, ``sticker`` and ``doctor``."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest

from reconciler.controller.checkup import Finding
from reconciler.core.desired import Suspension
from reconciler.errors import EngineUnavailable
from tests.cli.recorded import NOW, RecordedService, run


@pytest.mark.parametrize(
    ("arguments", "suspension", "said"),
    [
        ([], Suspension("ana", "incident 42", None), "web is suspended until `reconciler resume web`\n"),
        (
            ["--for", "2h"],
            Suspension("ana", "incident 42", NOW + 7200),
            "web is suspended until 2026-11-18T13:06:40Z\n",
        ),
        (
            ["--until", "2026-12-01T08:00:00Z", "--by", "bo"],
            Suspension("bo", "incident 42", 1796112000.0),
            "web is suspended until 2026-12-01T08:00:00Z\n",
        ),
        (
            ["--until", "2026-12-01T08:00"],
            Suspension("ana", "incident 42", 1796112000.0),
            "web is suspended until 2026-12-01T08:00:00Z\n",
        ),
    ],
)
def test_suspend_keeps_who_why_and_until_when(
    tmp_path: Path, arguments: list[str], suspension: Suspension, said: str
) -> None:
    service = RecordedService()
    ran = run(service, "suspend", "web", "--reason", " incident 42 ", *arguments, folder=tmp_path)
    assert service.calls == [("suspend", "web", suspension)]
    assert (ran.status, ran.out) == (0, said)


def test_suspend_in_json(tmp_path: Path) -> None:
    ran = run(RecordedService(), "suspend", "web", "--reason", "x", "--for", "60", "--json", folder=tmp_path)
    assert json.loads(ran.out) == {
        "version": 1,
        "name": "web",
        "by": "ana",
        "reason": "x",
        "until": "2026-11-18T11:07:40Z",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "missing option '--reason'"),
        (["--reason", "  "], "--reason must say something"),
        (["--reason", "x", "--for", "soon"], "'soon' is not allowed; allowed: a number of seconds"),
        (
            ["--reason", "x", "--until", "soon"],
            "'soon' is not allowed; allowed: a time such as 2026-12-01T08:00:00Z",
        ),
        (["--reason", "x", "--until", "2020-01-01"], "2020-01-01 is in the past"),
        (["--reason", "x", "--until", "2027-01-01", "--for", "1h"], "--until and --for exclude each other"),
    ],
)
def test_a_suspension_that_makes_no_sense_is_a_usage_error(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    service = RecordedService()
    ran = run(service, "suspend", "web", *arguments, folder=tmp_path)
    assert ran.status == 64
    assert message in ran.err
    assert service.calls == []


@pytest.mark.parametrize(
    ("environment", "actor"),
    [({"SUDO_USER": "bo"}, "bo"), ({}, "ana"), ({"USER": ""}, pwd.getpwuid(os.getuid()).pw_name)],
)
def test_who_suspends_is_who_sits_at_the_keyboard(tmp_path: Path, environment: dict[str, str], actor: str) -> None:
    service = RecordedService()
    run(service, "suspend", "web", "--reason", "x", folder=tmp_path, environment=environment)
    assert service.calls[0][2].by == actor


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("resume", True, "web goes on\n"),
        ("resume", False, "web was not suspended\n"),
        ("clear", True, "web is cleared and will be tried again\n"),
        ("clear", False, "web had nothing to clear\n"),
    ],
)
def test_resume_and_clear_say_whether_there_was_anything(
    tmp_path: Path, command: str, answer: bool, said: str
) -> None:
    service = RecordedService(answer=answer)
    assert run(service, command, "web", folder=tmp_path).out == said
    value = json.loads(run(service, command, "web", "--json", folder=tmp_path).out)
    assert value == {"version": 1, "name": "web", "changed": answer}
    assert service.calls == [(command, "web")] * 2


def test_a_sticker_is_read_as_it_lies(tmp_path: Path) -> None:
    content = b'{"version": "1.0"}\n'
    service = RecordedService(sticker_found=("current", content))
    assert run(service, "sticker", "read", "web", folder=tmp_path).out == content.decode()


def test_a_sticker_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    ran = run(RecordedService(), "sticker", "read", "web", folder=tmp_path)
    assert (ran.status, ran.out, ran.err) == (1, "", "web has no sticker that can be read (absent)\n")


def test_a_hostile_sticker_cannot_steer_a_terminal(tmp_path: Path) -> None:
    service = RecordedService(sticker_found=("corrupt", b"\x1b[2J\xff\n"))
    ran = run(service, "sticker", "read", "web", folder=tmp_path, terminal=80)
    assert ran.out == "\\x1b[2J\\xff\n"


@pytest.mark.parametrize(
    ("state", "status"), [("current", 0), ("stale", 2), ("absent", 2), ("corrupt", 2), ("forged", 2)]
)
def test_verify_tells_the_state_of_a_sticker(tmp_path: Path, state: str, status: int) -> None:
    service = RecordedService(sticker_found=(state, b""))  # type: ignore[arg-type]
    ran = run(service, "sticker", "verify", "web", folder=tmp_path)
    assert (ran.status, ran.out) == (status, f"web: {state}\n")
    value = json.loads(run(service, "sticker", "verify", "web", "--json", folder=tmp_path).out)
    assert value == {"version": 1, "name": "web", "sticker": state}


def test_writing_a_sticker_takes_the_lock(tmp_path: Path) -> None:
    service = RecordedService()
    ran = run(service, "sticker", "write", "web", folder=tmp_path)
    assert service.calls == [("write_sticker", "web")]
    assert (ran.exclusive, ran.out) == ([True], "web: sticker written\n")


GOOD = Finding("ok", "engine", "Docker 29.0, API 1.52, linux/amd64")
ODD = Finding("warning", "live-restore", "off", "set it")
BAD = Finding("error", "desired", "folder desired is not there", "make it")


@pytest.mark.parametrize(("findings", "status"), [((GOOD, ODD), 0), ((GOOD, BAD), 1)])
def test_doctor_fails_only_for_errors(tmp_path: Path, findings: tuple[Finding, ...], status: int) -> None:
    assert run(RecordedService(findings=findings), "doctor", folder=tmp_path).status == status


def test_doctor_says_how_to_repair(tmp_path: Path) -> None:
    assert run(RecordedService(findings=(GOOD, ODD, BAD)), "doctor", folder=tmp_path).out == (
        "ok       engine: Docker 29.0, API 1.52, linux/amd64\n"
        "warning  live-restore: off\n"
        "         fix: set it\n"
        "error    desired: folder desired is not there\n"
        "         fix: make it\n"
        "3 checks: 1 error, 1 warning\n"
    )


def test_doctor_finds_that_nothing_can_be_opened(tmp_path: Path) -> None:
    away = EngineUnavailable("no engine at unix:///x", hint="start it")
    ran = run(RecordedService(), "doctor", "--json", folder=tmp_path, opening=away)
    assert ran.status == 1
    assert json.loads(ran.out) == {
        "version": 1,
        "findings": [
            {"level": "error", "subject": "start", "detail": "no engine at unix:///x", "fix": "start it"}
        ],
    }


def test_allow_says_which_images_may_run_and_revoke_whether_there_was_anything(tmp_path: Path) -> None:
    for answer, allowed, revoked in (
        (True, "shop/web@sha256:a may run without a signature\n", "web needs its signatures again\n"),
        (False, "the policy wants no image of web signed\n", "web was allowed nothing\n"),
    ):
        service = RecordedService(answer=answer)
        words = ("allow", "web", "--unsigned", "--reason", " checked by hand ")
        assert run(service, *words, folder=tmp_path).out == allowed
        assert run(service, "allow", "web", "--revoke", folder=tmp_path).out == revoked
        images = ["shop/web@sha256:a"] if answer else []
        told = json.loads(run(service, *words, "--json", folder=tmp_path).out)
        assert told == {"version": 1, "name": "web", "allowed": images, "revoked": False}
        told = json.loads(run(service, "allow", "web", "--revoke", "--json", folder=tmp_path).out)
        assert told == {"version": 1, "name": "web", "allowed": [], "revoked": answer}
        assert {call[-1] for call in service.calls if call[0] == "allow_unsigned"} == {"checked by hand"}


@pytest.mark.parametrize(
    "words", [(), ("--unsigned",), ("--unsigned", "--reason", " "), ("--unsigned", "--revoke", "--reason", "x")]
)
def test_an_exception_needs_its_kind_and_its_reason(tmp_path: Path, words: tuple[str, ...]) -> None:
    service = RecordedService()
    assert run(service, "allow", "web", *words, folder=tmp_path).status == 64
    assert service.calls == []
