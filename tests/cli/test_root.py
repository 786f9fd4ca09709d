"""The root command: help, lazy imports, usage errors, completion, version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler import __version__
from reconciler.cli.invocation import Invocation
from reconciler.cli.past import why
from reconciler.cli.root import ENTRIES, SECTIONS, cli
from tests.cli.recorded import RecordedService, run

HEAVY = {
    "rich",
    "docker",
    "jsonschema",
    "deepdiff",
    "aiohttp",
    "yaml",
    "ruamel",
    "structlog",
    "watchfiles",
    "prometheus_client",
    "filelock",
    "asyncio",
    "sqlite3",
}
LIST_MODULES = """
import json, sys
from reconciler.__main__ import main
sys.argv = ["reconciler", *sys.argv[1:]]
status = main()
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules}), len(sys.modules)]))
"""


def _without_coverage() -> dict[str, str]:
    """A measured process imports what the measuring needs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def modules_of(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, set[str], int]:
    """Exit status, the packages that a process has at its end, and how many modules."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**_without_coverage(), **(environment or {})},
        cwd=Path(__file__).parents[2],
    )
    status, modules, count = json.loads(done.stdout.splitlines()[-1])
    return status, set(modules), count


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], [], ["plan", "--help"], ["no-such"], ["completion", "bash"]]
)
def test_help_and_completion_import_nothing_heavy(arguments: list[str]) -> None:
    _, modules, _ = modules_of(*arguments)
    assert "click" in modules
    assert not modules & HEAVY


def test_help_names_every_command_in_its_section(tmp_path: Path) -> None:
    out = run(RecordedService(), "--help", folder=tmp_path).out
    for title, entries in SECTIONS.items():
        assert f"\n{title}:\n" in out
        for entry in entries:
            assert f"  {entry.name} " in out
            assert entry.help in out


@pytest.mark.parametrize("name", ENTRIES)
def test_every_command_can_be_imported_and_explains_itself(name: str, tmp_path: Path) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    ran = run(RecordedService(), name, "--help", folder=tmp_path)
    assert ran.status == 0
    assert ran.out.startswith(f"Usage: reconciler {name}")
    assert ran.err == ""


@pytest.mark.parametrize("name", ENTRIES)
def test_the_short_help_is_the_beginning_of_the_long_one(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help is not None
    assert command.help.replace("\n", " ").startswith(ENTRIES[name].help.rstrip(".").partition(";")[0])


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["stauts"], "no such command 'stauts'; did you mean status?", "try 'reconciler --help'"),
        (["xyzzy"], "no such command 'xyzzy'", "try 'reconciler --help'"),
        (["--frob"], "no such option", "try 'reconciler --help'"),
        (["plan", "--frob"], "no such option", "try 'reconciler plan --help'"),
        (["why"], "missing argument 'NAME'", "try 'reconciler why --help'"),
        (
            ["completion"],
            "missing argument 'SHELL'. Choose from: bash, zsh, fish\n",
            "try 'reconciler completion --help'",
        ),
        (["status", "-o", "xml"], "invalid value for '-o' / '--output'", "try 'reconciler status --help'"),
        (["status", "--engine", "x"], "flag --engine: engine is 'x'; allowed: a URL", ""),
    ],
)
def test_usage_errors_exit_with_64(tmp_path: Path, arguments: list[str], message: str, hint: str) -> None:
    ran = run(RecordedService(), *arguments, folder=tmp_path)
    assert (ran.status, ran.out) == (64, "")
    assert ran.err.startswith(f"error: {message}")
    assert hint in ran.err


@pytest.mark.parametrize("arguments", [[], ["sticker"]])
def test_no_command_shows_the_plain_help_as_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    ran = run(RecordedService(), *arguments, folder=tmp_path)
    assert (ran.status, ran.out) == (64, "")
    assert ran.err == run(RecordedService(), *arguments, "--help", folder=tmp_path).out


def test_flags_may_stand_before_or_after_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('target = "host-a"\n')
    for arguments in (["--config", "a.toml", "config"], ["config", "--config", "a.toml"]):
        assert "host-a" in run(RecordedService(), *arguments, folder=tmp_path).out


def test_the_settings_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('target = "host-a"\n')
    ran = run(RecordedService(), "config", folder=tmp_path, environment={"RECONCILER_CONFIG": "a.toml"})
    assert "host-a" in ran.out
    assert ran.err == ""


def test_config_shows_every_setting_with_its_source(tmp_path: Path) -> None:
    ran = run(
        RecordedService(),
        "config",
        "--resync",
        "5s",
        "--prune",
        "--json",
        folder=tmp_path,
        environment={"RECONCILER_WORKERS": "3", "RECONCILER_WORKER": "4"},
    )
    value = json.loads(ran.out)
    found = {item["name"]: (item["value"], item["source"]) for item in value["settings"]}
    assert value["version"] == 1
    assert found["resync"] == ("5s", "flag --resync")
    assert found["prune"] == ("true", "flag --prune")
    assert found["workers"] == ("3", "environment RECONCILER_WORKERS")
    assert found["listen"] == ("127.0.0.1:9464", "default")
    assert ran.err == (
        "warning: no setting reads the environment variable RECONCILER_WORKER; did you mean RECONCILER_WORKERS?\n"
    )


def test_config_at_eighty_columns(tmp_path: Path) -> None:
    out = run(RecordedService(), "config", "--color", "never", folder=tmp_path, terminal=80).out
    assert max(map(len, out.splitlines())) <= 80


def test_version_is_that_of_the_package(tmp_path: Path) -> None:
    ran = run(RecordedService(), "--version", folder=tmp_path)
    assert ran.status == 0
    assert ran.out == f"reconciler {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_this_program(tmp_path: Path, shell: str) -> None:
    out = run(RecordedService(), "completion", shell, folder=tmp_path).out
    assert "_RECONCILER_COMPLETE" in out


def complete(words: str, position: int, *, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "_RECONCILER_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        },
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_commands_are_completed_without_importing_them(tmp_path: Path) -> None:
    assert complete("reconciler st", 1, folder=tmp_path) == ["plain,status", "plain,sticker"]


def test_options_are_completed(tmp_path: Path) -> None:
    assert complete("reconciler --ver", 1, folder=tmp_path) == ["plain,--version"]


def test_names_of_documents_are_completed(tmp_path: Path) -> None:
    (tmp_path / "desired").mkdir()
    for name in ("web", "worker", "db"):
        (tmp_path / "desired" / f"{name}.yaml").write_text(
            f"apiVersion: stella/v1\nkind: Container\nmetadata: {{name: {name}}}\n"
            f"spec: {{release: {{id: r1}}, image: a.example.com/b, digest: 'sha256:{'a' * 64}'}}\n"
        )
    assert complete("reconciler why w", 2, folder=tmp_path) == ["plain,web", "plain,worker"]
    context = click.Context(cli, obj=Invocation(environment={}, flags={"desired": str(tmp_path / "desired")}))
    (parameter,) = (item for item in why.params if item.name == "name")
    assert [item.value for item in parameter.shell_complete(context, "d")] == ["db"]


def test_the_root_knows_its_commands_and_no_others() -> None:
    context = click.Context(cli)
    assert cli.list_commands(context) == list(ENTRIES)
    assert cli.get_command(context, "nonsense") is None
