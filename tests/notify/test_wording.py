"""Messages in words and as JSON."""

from __future__ import annotations

import json
from typing import Any, get_args

import jsonschema
import pytest

from reconciler.core.drift import Drift
from reconciler.core.notice import ENGINE, LOOK, STATE, Condition, Subject, SubjectKind
from reconciler.core.telling import Message
from reconciler.notify.wording import LONGEST, Letter, letter, trial
from reconciler.spec.schema import schema
from tests.notify.letters import AT, WEB, a_letter, message, resolved, status

CONDITIONS: tuple[Condition, ...] = get_args(Condition)
KINDS: tuple[SubjectKind, ...] = get_args(SubjectKind)


def content(letter: Letter) -> Any:
    found = json.loads(letter.body)
    jsonschema.validate(found, schema("notification.v1.schema.json"))
    return found


def sent(message: Message) -> Letter:
    return letter(message, host="host-a", at=AT + 60)


def test_a_message_says_what_is_the_matter_where_and_since_when() -> None:
    told = a_letter(reason="exited with 1")
    assert told.title == "host-a: web was rolled back: release r3 failed, r2 runs"
    assert told.text.splitlines() == [
        "exited with 1",
        "config.environment.APP_TOKEN: wanted ***, found ***",
        "since 2023-11-14T22:13:20Z",
    ]
    assert content(told) == {
        "version": 1,
        "id": "0" * 32,
        "status": "firing",
        "repeated": False,
        "condition": "rolled-back",
        "subject": {"kind": "document", "name": "web"},
        "host": "host-a",
        "title": told.title,
        "reason": "exited with 1",
        "release": {"desired": "r3", "running": "r2"},
        "drift": [
            {"kind": "environment", "path": "config.environment.APP_TOKEN", "wanted": "***", "found": "***"}
        ],
        "since": "2023-11-14T22:13:20Z",
        "at": "2023-11-14T22:14:20Z",
    }


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_has_a_title(condition: Condition) -> None:
    told = sent(message(condition, status=status(running_release="")))
    assert content(told)["title"].startswith("host-a: ")
    assert "{" not in told.title


@pytest.mark.parametrize("kind", KINDS)
def test_every_subject_can_be_well_again(kind: SubjectKind) -> None:
    found = content(sent(resolved(Subject(kind, "x" if kind in {"document", "file"} else ""))))
    assert (found["status"], found["condition"], found["release"], found["drift"]) == (
        "resolved",
        "failed",
        None,
        [],
    )


def test_the_end_is_told_in_words() -> None:
    assert sent(resolved()).title == "host-a: web is as wanted again"
    assert sent(resolved(gone=True)).title == "host-a: web is gone"
    assert sent(resolved(Subject("file", "{a}.yaml"), gone=True)).title == "host-a: {a}.yaml is no longer wrong"
    assert sent(resolved(ENGINE)).title == "host-a: the Docker engine answers again"
    assert sent(message("state-unwritable", subject=STATE, reason="full")).text.startswith("full\nsince")
    assert sent(message("look-failed", subject=LOOK)).text == "since 2023-11-14T22:13:20Z"


def test_a_reminder_says_so() -> None:
    assert a_letter(repeated=True).title.endswith("r2 runs (still)")


def test_no_url_keeps_its_credentials_and_no_text_is_endless() -> None:
    drift = tuple(Drift("environment", f"p{i}", "https://u:hunter2@h/", "x" * 9000) for i in range(50))
    told = sent(message(status=status(drift=drift), reason="see https://u:hunter2@h/ " + "y" * 9000))
    found = content(told)
    assert b"hunter2" not in told.body
    assert "hunter2" not in told.text
    assert len(found["drift"]) == 20
    assert len(found["reason"]) == len(found["drift"][0]["found"]) == LONGEST + 2


def test_a_test_is_known_as_one() -> None:
    found = content(trial("a" * 32, host="host-a", at=AT))
    assert (found["condition"], found["subject"]["kind"]) == ("test", "test")
    assert found["title"] == "host-a: a test, nothing is the matter"
    assert WEB.name not in found["title"]
