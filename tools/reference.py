"""Write the pages of docs/reference from the program itself, so that the two cannot differ.

python -m tools.reference           write them
python -m tools.reference --check   exit 1 when one is not up to date

This module makes cli.md; the other pages are made by the modules beside it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli.exits import Exit
from reconciler.cli.helping import examples_of
from reconciler.cli.root import ENTRIES, SECTIONS, cli
from reconciler.config import BOOLEAN, SETTINGS
from tools.reference_api import api_page, openapi_text
from tools.reference_documents import documents_page
from tools.reference_metrics import metrics_page
from tools.reference_policy import policy_page
from tools.reference_protocol import protocol_page

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

INTRODUCTION = """\
# Command line

This page is made from the program (`python -m tools.reference`).

Results go to standard output, messages and progress to standard error. On a terminal there are colours (unless
`NO_COLOR` is set or `--color never` given) and tables that fit; a pipe gets plain, whole lines. `--json` gives
JSON with a `version`; times in it are RFC 3339 in UTC.
"""

MEANINGS = {
    Exit.DONE: "done; nothing differs",
    Exit.ERROR: "an error; the message says what was attempted and what to do next",
    Exit.DIFFERS: (
        "`plan`: there are changes; `status`: something differs; `policy check`: something is refused; "
        "`prune`, `sticker verify`: likewise"
    ),
    Exit.ROLLED_BACK: "`apply`: a release failed and the former container runs again",
    Exit.FAILED: "`apply`: a document failed",
    Exit.HELD: "`apply`: a document is held or blocked",
    Exit.USAGE: "the command or a setting is wrong; nothing was done",
    Exit.BUG: "a bug of this program",
    Exit.INTERRUPTED: "stopped with Ctrl-C; the next pass goes on from there",
    Exit.BROKEN_PIPE: "whoever read the output has closed it",
}


def reference() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_contents(), *_settings(), *_exits(), *_commands()])


def _contents() -> Iterator[str]:
    for title, entries in SECTIONS.items():
        yield f"**{title}**\n"
        yield from (f"- [`{entry.name}`](#{entry.name}): {entry.help}" for entry in entries)
        yield ""


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield "A flag beats the environment, which beats `reconciler.toml` (in the working directory, else as"
    yield "`--config FILE` or `RECONCILER_CONFIG` says), which beats the default. There the names are those of the"
    yield 'flags, such as `state-dir = "/srv/state"` and `prune = true`. `reconciler config` shows each value'
    yield "and its source.\n"
    yield "| flag | environment | default | meaning |"
    yield "| --- | --- | --- | --- |"
    defaults = {
        "state-dir": "`/var/lib/reconciler` for root, else `$XDG_STATE_HOME/reconciler`",
        "secrets-dir": "`/run/reconciler` for root, else `$XDG_RUNTIME_DIR/reconciler`",
        "identity": "`/etc/reconciler/identity.txt` for root, else `$XDG_CONFIG_HOME/reconciler/identity.txt`",
        "registry-credentials": "`/etc/reconciler/registries.age` for root, else the same beside `identity`",
        "notify": "`/etc/reconciler/notify.yaml` for root, else the same beside `identity`",
        "engine": "`DOCKER_HOST`, else `unix:///var/run/docker.sock`",
    }
    for item in SETTINGS:
        default = defaults.get(item.name) or (f"`{item.default}`" if item.default else "none")
        flag = f"--{item.name}" if item.metavar == BOOLEAN else f"--{item.name} {_escaped(item.metavar)}"
        yield f"| `{flag}` | `{item.variable}` | {default} | {item.help} |"
    yield ""


def _exits() -> Iterator[str]:
    yield "## Exit status\n"
    yield "| status | meaning |"
    yield "| --- | --- |"
    yield from (f"| {int(status)} | {MEANINGS[status]} |" for status in Exit)
    yield "\nOf several documents the worst counts: failed, then rolled back, then held or blocked.\n"


def _commands() -> Iterator[str]:
    context = click.Context(cli, info_name="reconciler")
    for name in ENTRIES:
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(name)
        yield from _command(command, context, level=2)


def _command(command: click.Command, parent: click.Context, *, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=parent)
    yield f"{'#' * level} {context.command_path.removeprefix('reconciler ')}\n"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```\n"
    yield _prose(command.help or "")
    examples = [f"# {what}\n{typed}" for what, typed in examples_of(context)]
    if examples and not isinstance(command, click.Group):
        yield "```shell\n" + "\n".join(examples) + "\n```\n"
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _command(below, context, level=level + 1)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [item for item in command.get_params(context) if isinstance(item, click.Option)]
    records = [option.get_help_record(context) for option in options]
    rows = [record for record in records if record is not None and "--help" not in record[0]]
    if rows:
        yield "| option | meaning |"
        yield "| --- | --- |"
        yield from (f"| `{_escaped(option)}` | {_escaped(meaning)} |" for option, meaning in rows)
        yield ""


def _prose(text: str) -> str:
    """Help as Markdown: what click keeps as it is (after a backspace) becomes a block."""
    parts = inspect.cleandoc(text).split("\n\n")
    blocks = [
        "```shell\n" + part.removeprefix("\b\n") + "\n```"
        if part.startswith("\b")
        else re.sub(r"\s*\n\s*", "\n", part)
        for part in parts
    ]
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them."""
    if arguments == ["--check"]:
        return int(bool(outdated()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (FOLDER / name).write_text(page, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """Each page by its file name."""
    return {
        "cli.md": reference(),
        "documents.md": documents_page(),
        "metrics.md": metrics_page(),
        "policy.md": policy_page(),
        "fleet-protocol.md": protocol_page(),
        "fleet-api.md": api_page(),
        "openapi.json": openapi_text(),
    }


def outdated() -> list[str]:
    """Names of the pages that are missing or say something else than the program."""
    places = {FOLDER / name: page for name, page in pages().items()}
    return [path.name for path, page in places.items() if not path.exists() or path.read_text("utf-8") != page]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
