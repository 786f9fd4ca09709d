"""Completion in real shells, and what is offered where."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import pytest

from reconciler.cli.completing import releases
from reconciler.cli.invocation import Invocation
from reconciler.cli.root import cli
from reconciler.history import History
from reconciler.spec.build import build
from tests.audit.logs import a_log, done
from tests.cli.parts import RECORD
from tests.cli.recorded import RecordedService, run
from tests.spec.texts import desired

SOURCES = Path(__file__).parents[2]
DOCUMENT = """\
apiVersion: stella/v1
kind: Container
metadata: {{name: {name}}}
spec: {{release: {{id: r1}}, image: a.example.com/b, digest: "sha256:{digest}"}}
"""
LOGGING = "spec.config.logging"
OFFERED = """
eval "$(reconciler completion bash)"
compopt() {{ echo "compopt $*"; }}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_reconciler_completion reconciler
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of documents, and the program on the path."""
    (tmp_path / "desired").mkdir()
    for name in ("web", "worker", "db"):
        text = DOCUMENT.format(name=name, digest="a" * 64)
        (tmp_path / "desired" / f"{name}.yaml").write_text(text)
    program = tmp_path / "bin" / "reconciler"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n')
    program.chmod(0o755)
    return tmp_path


def environment(host: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECONCILER_")}
    return {
        **kept,
        "PATH": f"{host / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(SOURCES),
        "RECONCILER_STATE_DIR": str(host / "state"),
    }


def offered(host: Path, words: str) -> list[str]:
    """What real bash offers after these words, of which the last is begun."""
    done = subprocess.run(
        ["bash", "--norc", "-c", OFFERED.format(words=words)],
        env=environment(host),
        cwd=host,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("reconciler st", ["status", "sticker"]),
        ("reconciler status --ev", ["--every"]),
        ("reconciler status w", ["web", "worker"]),
        ("reconciler status web w", ["worker"]),
        ("reconciler status --color a", ["auto", "always"]),
        ("reconciler status --desired x", ["compopt", "-o", "dirnames"]),
        ("reconciler status --policy x", ["compopt", "-o", "default"]),
        ("reconciler explain spec.config.h", ["spec.config.hostname", "spec.config.healthCheck"]),
        ("reconciler explain spec.config.logg", [LOGGING, f"{LOGGING}.driver", f"{LOGGING}.options"]),
        ("reconciler explain nothing.of", []),
        ("reconciler secret r", ["recipients", "rotate"]),
    ],
)
def test_bash_offers(host: Path, words: str, expected: list[str]) -> None:
    assert offered(host, words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("reconciler notify test --notify notify.yaml ''", ["chat", "on-call"]),
        ("reconciler notify test --notify notify.yaml chat ''", ["on-call"]),
        ("reconciler audit show --actor ''", ["ana", "controller", "user", "system"]),
        ("reconciler rollback web --to ''", ["r2", "r1"]),
        ("reconciler rollback --to ''", []),
    ],
)
def test_bash_offers_what_the_host_knows(host: Path, words: str, expected: list[str]) -> None:
    hook = "{name: NAME, webhook: 'https://hooks.example.com', secretFile: key}"
    channels = ", ".join(hook.replace("NAME", name) for name in ("chat", "on-call"))
    (host / "notify.yaml").write_text(f"version: 1\nchannels: [{channels}]\n")
    state = host / "state"
    state.mkdir(mode=0o700)
    done(a_log(state))
    with closing(History.open(state / "history.db", clock=time.time, rebuild=build)) as history:
        for generation, release in enumerate(("r1", "r2"), 1):
            history.begin(
                desired(release={"id": release}),
                generation=generation,
                kind="deploy",
                container_id="",
                cause="",
                actor="ana",
            )
            history.commit("web", generation)
    assert offered(host, words) == expected


def test_nothing_is_said_where_the_settings_are_wrong(host: Path) -> None:
    (host / "reconciler.toml").write_text("nonsense = 1\n")
    assert offered(host, "reconciler status w") == []


@pytest.mark.parametrize(
    ("shell", "setting_up"),
    [
        ("bash --norc --noprofile", 'eval "$(reconciler completion bash)"'),
        ("zsh -f", 'autoload -Uz compinit; compinit -u -D; eval "$(reconciler completion zsh)"'),
        ("fish --no-config", "reconciler completion fish | source"),
    ],
)
def test_a_tab_in_a_real_terminal_completes_a_command(host: Path, shell: str, setting_up: str) -> None:
    server = ["tmux", "-L", f"completion-{os.getpid()}", "-f", os.devnull]

    def tmux(*words: str) -> str:
        done = subprocess.run([*server, *words], env=environment(host), cwd=host, capture_output=True, check=True)
        return done.stdout.decode()

    def shown(text: str) -> bool:
        end = time.monotonic() + 20
        while text not in tmux("capture-pane", "-p"):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    tmux("new-session", "-d", "-x", "80", "-y", "24", shell)
    try:
        tmux("send-keys", f"{setting_up}; echo rea''dy", "Enter")
        assert shown("\nready"), tmux("capture-pane", "-p")
        tmux("send-keys", "reconciler histo", "Tab")
        assert shown("reconciler history"), tmux("capture-pane", "-p")
        tmux("send-keys", "C-u", "reconciler status wo", "Tab")
        assert shown("reconciler status worker"), tmux("capture-pane", "-p")
    finally:
        tmux("kill-server")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reconciler st", ["status", "sticker"]),
        ("reconciler status w", ["web", "worker"]),
        ("reconciler status --color a", ["auto", "always"]),
    ],
)
def test_fish_offers(host: Path, line: str, expected: list[str]) -> None:
    """It tells what it would offer when it is asked; a word comes with its help behind a tab."""
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"reconciler completion fish | source; complete -C '{line}'"],
        env={**environment(host), "HOME": str(host)},
        cwd=host,
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(offer.partition("\t")[0] for offer in done.stdout.splitlines()) == sorted(expected)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_can_read(tmp_path: Path, shell: str) -> None:
    script = tmp_path / "script"
    script.write_text(run(RecordedService(), "completion", shell, folder=tmp_path).out)
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_releases_of_the_named_document_are_offered_newest_first(tmp_path: Path) -> None:
    @contextmanager
    def open_service(*_: object, **__: object) -> Iterator[RecordedService]:
        yield RecordedService(records={"web": RECORD})

    invocation = Invocation(open_service=open_service, environment={}, folder=tmp_path)  # type: ignore[arg-type]
    context = click.Context(cli, obj=invocation)
    parameter = click.Option(["--to"])
    assert releases(context, parameter, "") == []
    context.params["name"] = "web"
    assert [item.value for item in releases(context, parameter, "r")] == ["r3", "r2", "r1"]
    context.params["name"] = "wbe"
    assert releases(context, parameter, "") == []
