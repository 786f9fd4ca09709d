"""Help: examples that can be typed, options in groups, and what loading a command costs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.cli.examples import EXAMPLES
from reconciler.cli.helping import EVERYWHERE
from reconciler.cli.invocation import Invocation
from reconciler.cli.root import cli
from tests.cli.recorded import RecordedService, run
from tests.cli.test_root import modules_of


def commands(group: click.Group = cli, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        here = f"{path} {name}".strip()
        yield here, command
        if isinstance(command, click.Group):
            yield from commands(command, here)


PATHS = dict(commands())


def test_every_command_has_examples_and_no_other() -> None:
    assert set(EXAMPLES) == {"", *PATHS}


def words_of(typed: str) -> list[str]:
    """What our program is given of a line for a shell."""
    inner = typed.partition("$(")[2].partition(")")[0] if typed.startswith("eval") else typed
    words = shlex.split(inner)
    end = min((words.index(word) for word in ("|", "<") if word in words), default=len(words))
    assert words[0] == "reconciler"
    return words[1:end]


@pytest.mark.parametrize(
    ("path", "typed"), [(path, typed) for path, found in EXAMPLES.items() for _, typed in found]
)
def test_every_example_can_be_typed_and_is_of_its_command(path: str, typed: str) -> None:
    words = words_of(typed)
    assert words[: len(path.split())] == path.split()
    command: click.Command = cli
    context = click.Context(cli, obj=Invocation())
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, typed
        command = found
    command.make_context("x", words, parent=context)


@pytest.mark.parametrize("path", PATHS)
def test_help_has_examples_and_then_options_in_groups(tmp_path: Path, path: str) -> None:
    out = run(RecordedService(), *path.split(), "--help", folder=tmp_path).out
    assert out.index("\nExamples:\n") < out.index("\nFor every command:\n")
    _, _, shared = out.partition("\nFor every command:\n")
    first = [line.split()[0].rstrip(",") for line in shared.splitlines() if line.startswith("  -")]
    assert set(first) <= {*EVERYWHERE, "-h", "-o"}
    assert "--desired" not in shared


def test_narrow_help_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = run(RecordedService(), "apply", "--help", folder=tmp_path).out
    told = [line for line in out.splitlines() if not line.startswith("  reconciler ")]
    assert max(map(len, told)) <= 40


BUDGET = {
    ("--help",): 160,
    ("apply", "--help"): 215,
    ("completion", "bash"): 160,
    ("validate",): 360,
    ("status",): 780,
}
"""Modules that a process has when it is done. Time depends on the machine; this is what it depends on here."""

NEVER = {
    "validate": {"docker", "sqlite3", "aiohttp", "asyncio", "structlog", "filelock"},
    "status": {"aiohttp", "watchfiles", "structlog", "deepdiff", "ruamel"},
}
"""What these commands do not need, and what would be felt."""


@pytest.mark.parametrize("arguments", BUDGET, ids=" ".join)
def test_a_command_loads_no_more_modules_than_it_needs(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "desired").mkdir()
    environment = {
        "RECONCILER_DESIRED": str(tmp_path / "desired"),
        "RECONCILER_STATE_DIR": str(tmp_path / "state"),
        "RECONCILER_ENGINE": f"unix://{tmp_path}/none.sock",
    }
    _, roots, count = modules_of(*arguments, environment=environment)
    assert count <= BUDGET[arguments], count
    assert not roots & NEVER.get(arguments[0], set())
