"""``sticker``: the version stickers on the host."""

from __future__ import annotations

import sys
from typing import Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, name_argument, output_option, settings_options

VERSION: Final = 1
_STYLES: Final = {"current": "green", "stale": "yellow", "absent": "yellow", "corrupt": "red", "forged": "red"}


@group("sticker")
def sticker() -> None:
    """Read, write or verify version stickers."""


@sticker.command("read")
@name_argument
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def read(context: click.Context, invocation: Invocation, name: str) -> None:
    """Print a document's sticker as it lies on the host.

    Exit status: 1 when there is none that can be read.
    """
    with invocation.service() as service:
        state, content = service.sticker(name)
    if not content:
        invocation.screen.note(f"{name} has no sticker that can be read ({state})")
        context.exit(Exit.ERROR)
    if invocation.screen.terminal:
        invocation.screen.line(content.decode("utf-8", "backslashreplace").rstrip("\n"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


@sticker.command("write")
@name_argument
@settings_options(*HOST)
@pass_invocation
def write(invocation: Invocation, name: str) -> None:
    """Write a document's sticker anew from the history."""
    with invocation.service(exclusive=True) as service:
        service.write_sticker(name)
    invocation.screen.line(f"{name}: sticker written")


@sticker.command("verify")
@name_argument
@output_option
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def verify(context: click.Context, invocation: Invocation, name: str, output: str) -> None:
    """Tell what a sticker is worth.

    One of current, stale, absent, corrupt and forged. Exit status: 0 only for current, 2 otherwise.
    """
    with invocation.service() as service:
        state, _ = service.sticker(name)
    if output == "json":
        invocation.screen.json({"version": VERSION, "name": name, "sticker": state})
    else:
        invocation.screen.line(f"{name}: {state}", _STYLES.get(state, ""))
    context.exit(Exit.DONE if state == "current" else Exit.DIFFERS)
