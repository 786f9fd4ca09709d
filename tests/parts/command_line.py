"""Whether a command line is one that the program has, without running it."""

from __future__ import annotations

from collections.abc import Sequence

import click


def parse(command: click.Command, arguments: Sequence[str], parent: click.Context | None = None) -> None:
    """Read arguments as the program would, down to the last sub-command, without running it."""
    try:
        context = command.make_context(command.name or "reconciler", list(arguments), parent=parent)
    except click.exceptions.Exit:  # --version and --help have done their work
        return
    if isinstance(command, click.Group):
        name, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None, name
        parse(below, rest, context)
