"""``explain``: a field as people, programs and shells ask for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import pytest

from reconciler.cli.explain import explain
from tests.cli.recorded import Ran, RecordedService, run


def call(*arguments: str) -> Ran:
    return run(RecordedService(), "explain", *arguments, folder=Path.cwd())


def completed(begun: str, **params: str) -> list[str]:
    (argument,) = (item for item in explain.params if isinstance(item, click.Argument))
    context = click.Context(explain)
    context.params.update(params)
    return [item.value for item in argument.shell_complete(context, begun)]


def test_a_word_is_told_with_its_default_and_its_choices() -> None:
    ran = call("spec.strategy.order")
    assert ran.status == 0
    title, kind, *meaning = ran.out.splitlines()
    assert (title, kind) == ("spec.strategy.order  (Container)", "  word, default stop-first")
    assert "`start-first`" in " ".join(meaning)


def test_a_notation_is_told_with_examples_and_the_long_way() -> None:
    lines = call("spec.config.ports").out.splitlines()
    assert lines[0:2] == ["spec.config.ports  (Container)", "  list of Port"]
    assert "    8080:80" in lines
    assert any(line.startswith("containerPort  whole number  required") for line in lines)


def test_without_a_field_the_root_is_told() -> None:
    lines = call().out.splitlines()
    assert [line.split()[0] for line in lines] == ["FIELD", "apiVersion", "kind", "metadata", "spec"]


def test_a_required_field_says_so() -> None:
    assert "  Digest, required\n" in call("spec.digest").out


def test_an_unknown_field_is_an_error_that_says_what_there_is() -> None:
    ran = call("spec.drift.mod")
    assert (ran.status, ran.out) == (1, "")
    assert 'has no field "mod"' in ran.err
    assert 'did you mean "mode"?' in ran.err


def test_a_field_of_other_documents_is_told_to_be_theirs() -> None:
    ran = call("spec.config.deploymentDirectory")
    assert ran.status == 1
    assert "documents of kind ComposeProject have it: --kind ComposeProject" in ran.err
    assert call("spec.config.deploymentDirectory", "--kind", "ComposeProject").status == 0


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        ("ports", "spec.config.ports"),
        ("config.memoryLimit", "spec.config.memoryLimit"),
        ("mode", "spec.config.secrets.mode, spec.config.files.mode or spec.drift.mode"),
    ],
)
def test_a_field_that_is_asked_for_by_its_name_alone_is_found(asked: str, places: str) -> None:
    ran = call(asked)
    assert ran.status == 1
    assert ran.err.endswith(f"hint: its whole path: {places}\n")


def test_programs_get_the_same() -> None:
    told = json.loads(call("spec.drift", "--json").out)
    assert (told["version"], told["kind"], told["path"]) == (1, "Container", "spec.drift")
    mode = next(field for field in told["fields"] if field["name"] == "mode")
    assert (mode["type"], mode["default"], mode["required"]) == ("word", "correct", False)


def test_on_a_narrow_terminal_no_line_is_longer_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    ran = run(RecordedService(), "explain", "spec.drift.mode", folder=Path.cwd(), terminal=60)
    assert max(map(len, ran.out.splitlines())) <= 60
    assert os.environ["COLUMNS"] == "60"


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("ki", ["kind"]),
        ("spec.drift.", ["spec.drift.mode", "spec.drift.ignore"]),
        ("spec.nowhere.m", []),
    ],
)
def test_a_shell_is_offered_the_fields_at_the_place_that_was_reached(begun: str, offered: list[str]) -> None:
    assert completed(begun) == offered


def test_a_shell_is_offered_the_fields_of_the_kind_that_was_given() -> None:
    assert "spec.config.deploymentDirectory" in completed("spec.config.d", kind="ComposeProject")
