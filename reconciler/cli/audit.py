"""``audit``: the log of what was done and decided, and whether it is as it was written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.completing import actors, document_names
from reconciler.cli.exits import Exit
from reconciler.cli.files import read_bounded
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import output_option, settings_options
from reconciler.cli.screen import Cell, Column
from reconciler.config import parse_seconds
from reconciler.core.status_json import timestamp
from reconciler.core.words import age, count

if TYPE_CHECKING:
    from reconciler.audit.verify import Verified

VERSION: Final = 1
SHORT: Final = 8
"""Characters of a commit's id that are shown."""
COLUMNS: Final = (
    Column("WHEN", align="right"),
    Column("WHO", fixed=False),
    Column("DOCUMENT", fixed=False),
    Column("ACTION"),
    Column("RESULT"),
    Column("BECAUSE", fixed=False),
)
_STYLES: Final = {"failed": "red", "unknown": "yellow", "open": "blue"}


@group("audit")
def audit() -> None:
    """Show, verify and sign the log of what was done here."""


@audit.command("show")
@click.argument("name", metavar="[NAME]", default="", shell_complete=document_names)
@click.option("--since", metavar="TIME", help="From 2h, 3d (ago) or 2026-12-01T08:00:00Z on.")
@click.option(
    "--actor",
    default="",
    metavar="WHO",
    help="Of ana, user, file:web.yaml, system alone.",
    shell_complete=actors,
)
@click.option(
    "--limit", type=click.IntRange(1, 100_000), metavar="COUNT", default=50, help="At most so many [50]."
)
@output_option
@settings_options("state-dir")
@pass_invocation
def show(invocation: Invocation, /, *, name: str, since: str | None, actor: str, limit: int, output: str) -> None:
    """Show what was done and decided, by whom and why, newest last.

    A result of "unknown" is of a controller that ended in the middle of it; "open" of what goes on now.
    """
    from reconciler.audit.files import LogFiles
    from reconciler.audit.show import Wanted, entries

    begin = begin_of(since, now=invocation.clock()) if since else ""
    wanted = Wanted(document=name, since=begin, actor=actor)
    found = entries(LogFiles(invocation.settings.state_dir), wanted, limit=limit)
    if output == "json":
        invocation.screen.json({"version": VERSION, "entries": found})
    elif not found:
        invocation.screen.note("nothing was recorded")
    else:
        now = invocation.clock() if invocation.screen.terminal else None
        invocation.screen.table(COLUMNS, [row(entry, now) for entry in found])


@audit.command("verify")
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Checkpoints that were kept elsewhere; can be given more than once.",
)
@click.option("--key", default="", metavar="HEX", help="Public key of the checkpoints [this host's].")
@output_option
@settings_options("state-dir")
@pass_invocation
@click.pass_context
def verify(
    context: click.Context, invocation: Invocation, /, *, kept: tuple[Path, ...], key: str, output: str
) -> None:
    """Find every line that was edited, removed, moved or cut.

    That the end was cut is found by checkpoints; keep some elsewhere. Exit status: 0 for a log that is whole, 2
    for one that is not.
    """
    from reconciler.audit.checkpoint import parse
    from reconciler.controller.app.audit import verified

    others = [(str(path), list(parse(read_bounded(path)))) for path in kept]
    found = verified(invocation.settings.state_dir, key=key, others=others)
    if output == "json":
        invocation.screen.json(verified_json(found))
    else:
        for line, style in told(found):
            invocation.screen.line(line, style)
    context.exit(Exit.DONE if found.whole else Exit.DIFFERS)


@audit.command("checkpoint")
@settings_options("state-dir")
@pass_invocation
@click.pass_context
def checkpoint(context: click.Context, invocation: Invocation, /) -> None:
    """Sign where the log ends now, and print that as one line.

    Keep it where nobody can change it who can change the log. `audit verify --checkpoint FILE` reads any number of
    such lines.
    """
    from reconciler.controller.app.audit import checkpoint_of

    made = checkpoint_of(invocation.settings)
    if made is None:
        invocation.screen.note("nothing was recorded yet")
        context.exit(Exit.ERROR)
    invocation.screen.line(made.text)


def begin_of(since: str, *, now: float) -> str:
    """A moment as lines have it, from a time or from how long ago it was. Raises click.UsageError."""
    from reconciler.audit.fields import moment

    try:
        return moment(now - parse_seconds(since))
    except ValueError:
        pass
    try:
        then = datetime.fromisoformat(since)
    except ValueError as error:
        raise click.UsageError(f"{since!r} is not allowed; allowed: 2h, 3d, or 2026-12-01T08:00:00Z") from error
    return moment((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp())


def row(entry: dict[str, Any], now: float | None) -> tuple[Cell, ...]:
    """One entry under ``COLUMNS``; ``now`` for eyes, which like ages better than times."""
    then = datetime.fromisoformat(entry["time"]).timestamp()
    result = str(entry.get("outcome", entry["kind"]))
    return (
        timestamp(then) or "-" if now is None else age(then, now),
        _who(entry),
        str(entry.get("document", "-")),
        str(entry["action"]),
        (result, _STYLES.get(result, "")),
        _because(entry),
    )


def _who(entry: dict[str, Any]) -> str:
    who, source = entry["actor"], entry.get("source", {})
    commit = str(source.get("commit", ""))
    told = f"{who['type']}:{who['name']}" if who["type"] != "system" else str(who["name"])
    return f"{told}@{commit[:SHORT]}" if commit and " " not in commit and who["type"] == "file" else told


def _because(entry: dict[str, Any]) -> str:
    target = str(entry.get("target", ""))
    parts = [target if target != entry.get("document") else "", str(entry.get("cause", ""))]
    said = ": ".join(filter(None, parts))
    return said + (f" ({entry['detail']})" if entry.get("detail") else "")


def told(found: Verified) -> list[tuple[str, str]]:
    """What was found, line by line, each with its style."""
    if not found.lines and not found.faults:
        return [("nothing was recorded yet", "")]
    lines = [(f"torn by a crash, and told so: {place}", "") for place in found.torn]
    if found.unfinished:
        lines.append(("torn by a crash at its end; the next line will say so", ""))
    if found.anew:
        lines.append(("what was before the first line is broken, as that line says, and not here", "yellow"))
    if found.removed:
        lines.append((f"begins with line {found.first}: older files were removed, as the log says", ""))
    lines += [(f"broken before {place}, which says how", "red") for place in found.told]
    lines += [(str(fault), "red") for fault in found.faults]
    size = f"lines {found.first} to {found.last} in {count(found.files, 'file')}"
    checked = f"{size}, {count(found.checkpoints, 'checkpoint')}"
    lines.append((f"whole: {checked}", "green") if found.whole else (f"not whole: {checked}", "red"))
    return lines


def verified_json(found: Verified) -> dict[str, Any]:
    """The published form of a verification."""
    return {
        "version": VERSION,
        "whole": found.whole,
        "files": found.files,
        "lines": found.lines,
        "first": found.first,
        "last": found.last,
        "removed": found.removed,
        "anew": found.anew,
        "torn": list(found.torn),
        "unfinished": found.unfinished,
        "told": list(found.told),
        "checkpoints": found.checkpoints,
        "faults": [{"file": item.file, "line": item.line, "message": item.message} for item in found.faults],
    }
