"""Help as people read it: what it does, examples, then its own options apart from those that many commands share.

Imports nothing but click, since help must be there at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
from click.formatting import wrap_text

from reconciler.cli.examples import EXAMPLES, Example

HOST: Final = frozenset(
    {
        "--desired",
        "--state-dir",
        "--secrets-dir",
        "--policy",
        "--engine",
        "--target",
        "--identity",
        "--registry-credentials",
    }
)
EVERYWHERE: Final = frozenset({"--output", "--json", "--color", "--config", "--debug", "--help", "--version"})
LEAST: Final = 30
ROOMY: Final = 60
"""Columns from which on options and what they do fit beside each other."""
TITLES: Final = ("Options", "Where", "For every command")


class Command(click.Command):
    """A command whose help has examples and its options in groups."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        fit(formatter)
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        write_examples(ctx, formatter)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)


class Group(click.Group):
    """The same of a command that has commands."""

    command_class = Command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        fit(formatter)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(ctx, formatter)
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)


def command(name: str, **more: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """``click.command`` with this help."""
    return click.command(name, cls=Command, **more)


def group(name: str) -> Callable[[Callable[..., Any]], click.Group]:
    """``click.group`` with this help."""
    return click.group(name, cls=Group)


def fit(formatter: click.HelpFormatter) -> None:
    """The framework never writes for fewer than fifty columns, however narrow the terminal is."""
    formatter.width = min(formatter.width, max(shutil.get_terminal_size().columns - 2, LEAST))


def write_examples(context: click.Context, formatter: click.HelpFormatter) -> None:
    """Commands to type, each after a line that says what for."""
    examples = examples_of(context)
    if not examples:
        return
    with formatter.section("Examples"):
        margin = " " * formatter.current_indent
        for what, typed in examples:
            lead = f"{margin}# "
            formatter.write(wrap_text(what, formatter.width, lead, lead) + "\n")
            formatter.write(f"{margin}{typed}\n")


def examples_of(context: click.Context) -> tuple[Example, ...]:
    """Those of the command that this is the context of."""
    return EXAMPLES.get(context.command_path.removeprefix("reconciler").strip(), ())


def write_options(command: click.Command, context: click.Context, formatter: click.HelpFormatter) -> None:
    """Sections of options; the first column is equally wide in all."""
    groups: dict[str, list[tuple[str, str]]] = {title: [] for title in TITLES}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            groups[_title(parameter)].append(record)
    width = max((len(names) for records in groups.values() for names, _ in records), default=0)
    for title, records in groups.items():
        if records:
            with formatter.section(title):
                if formatter.width < ROOMY:
                    _write_below(formatter, records)
                else:
                    formatter.write_dl([(names.ljust(width), told) for names, told in records])


def _write_below(formatter: click.HelpFormatter, records: Sequence[tuple[str, str]]) -> None:
    """Each option, and below it what it does."""
    for names, told in records:
        formatter.write(f"{'':<{formatter.current_indent}}{names}\n")
        with formatter.indentation():
            formatter.write_text(told)


def _title(parameter: click.Parameter) -> str:
    if HOST & set(parameter.opts):
        return TITLES[1]
    return TITLES[2] if EVERYWHERE & set(parameter.opts) else TITLES[0]
