"""``plan``: what would be done and why. Also how plans look everywhere else."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.files import write_atomically
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, names_argument, output_option, settings_options
from reconciler.cli.problems import concerning, located, show_problems
from reconciler.cli.screen import Screen
from reconciler.core.downtime import downtime
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plans_json
from reconciler.core.plan_text import render
from reconciler.core.words import shortened

_SIGNED: Final = re.compile(r"^  (\+|~|-/\+|-) ")
_SIGN_STYLES: Final = {"+": "green", "~": "yellow", "-/+": "magenta", "-": "red"}
_INDENT: Final = 4
_LEAD: Final = re.compile(r"  drift \S+ +| {25}")
_WORDS: Final = re.compile(r"^  (drift|waits|held|blocked|note)\b")
_WORD_STYLES: Final = {"drift": "yellow", "waits": "blue", "held": "magenta", "blocked": "red", "note": "dim"}


@command("plan")
@names_argument
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also save it, for apply --plan.")
@output_option
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def plan(
    context: click.Context, invocation: Invocation, *, names: tuple[str, ...], out: Path | None, output: str
) -> None:
    """Show what would be done and why; changes nothing.

    Exit status: 0 nothing to do, 2 changes, 1 error (also when a document cannot be read).
    """
    with invocation.service() as service:
        loaded = service.loaded()
        show_problems(invocation.screen, located(loaded.problems, invocation.settings.desired))
        plans = service.plans(names)
    if out is not None:
        write_atomically(out, json.dumps(plans_json(plans), indent=2) + "\n")
    if output == "json":
        invocation.screen.json(plans_json(plans))
    else:
        show_plans(invocation.screen, plans)
    changes = any(item.changes for item in plans)
    context.exit(Exit.ERROR if concerning(loaded, names) else Exit.DIFFERS if changes else Exit.DONE)


def show_plans(screen: Screen, plans: Sequence[Plan]) -> None:
    """The text of plans; on a terminal coloured by sign, with short digests and lines that fit."""
    for line in render(plans).splitlines():
        for part in fitting(line, screen.out.width) if screen.terminal else [line]:
            screen.line(part, style_of(line))
    for item in plans:
        expected = downtime(item)
        if expected:
            screen.prose(f"downtime of {item.document}: {expected}")


def fitting(line: str, width: int) -> list[str]:
    """A line of a rendered plan for eyes: digests cut, broken between words, what follows indented, so far that
    words stay whole. One that is longer than a line is broken here: a terminal would go on at its left edge.
    """
    short = shortened(line)
    lead, longest = _LEAD.match(short), max(map(len, short.split()), default=0)
    least = min(_INDENT, width // 2)
    indent = max(least, min(len(lead[0]) if lead else _INDENT, width // 2, width - longest))
    return textwrap.wrap(short, width, subsequent_indent=" " * indent, break_on_hyphens=False) or [short]


def style_of(line: str) -> str:
    """The style of one line of a rendered plan."""
    signed, word = _SIGNED.match(line), _WORDS.match(line)
    if signed:
        return _SIGN_STYLES[signed[1]]
    if word:
        return _WORD_STYLES[word[1]]
    return "dim" if line.lstrip().startswith("because ") else "bold" if line[:1].strip() else ""
