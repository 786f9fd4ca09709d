"""What log lines of the controller name: document, generation, revision, action, cause."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from reconciler.cli.logs import set_up_logs
from reconciler.controller.log_facts import facts_of
from reconciler.core.action import RecordIntent
from reconciler.core.outcome import Outcome
from tests.cli.parts import DEPLOY, TWO

INTENT = RecordIntent(
    document="web", cause="release r2 replaces r1", generation=7, operation="deploy", desired=TWO
)
OUTCOMES = tuple(Outcome(kind="done", action=action) for action in DEPLOY.actions[:3])
TOLD = {
    "purpose": "deploy",
    "revision": TWO.fingerprint.removeprefix("sha256:")[:12],
    "action": "stop-container web",
    "cause": DEPLOY.actions[1].cause,
}


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_pass_names_revision_action_and_cause() -> None:
    assert facts_of(replace(DEPLOY, fingerprint=TWO.fingerprint), OUTCOMES) == TOLD


def test_a_pass_about_a_generation_names_it() -> None:
    plan = replace(DEPLOY, fingerprint=TWO.fingerprint, actions=(INTENT, *DEPLOY.actions))
    assert facts_of(plan, OUTCOMES) == {**TOLD, "generation": 7, "cause": "release r2 replaces r1"}


def test_only_a_pass_that_just_pulls_gives_the_missing_image_as_its_cause() -> None:
    assert facts_of(DEPLOY, OUTCOMES[:1])["cause"] == "the host does not have the image"
    assert facts_of(DEPLOY, OUTCOMES[:2])["cause"] == DEPLOY.actions[1].cause != OUTCOMES[0].action.cause


def test_what_is_logged_below_a_pass_names_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="json", level="info", color=False)
    with structlog.contextvars.bound_contextvars(document="web"):
        logging.getLogger("reconciler.engine").warning("the engine is slow", extra={"error": "https://a:b@c"})
    logging.getLogger("reconciler.engine").warning("once more")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["document"], first["event"]) == ("web", "the engine is slow")
    assert "a:b" not in first["error"]
    assert "document" not in second
