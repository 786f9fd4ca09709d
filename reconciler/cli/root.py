"""The root command: names every command with its one-line help and imports a command only when it is called.

Invariant: ``reconciler --help``, ``--version`` and completion of command names import nothing but click.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from reconciler import __version__
from reconciler.cli.helping import Group
from reconciler.cli.invocation import ReaderLeft, pass_invocation
from reconciler.cli.options import common_options


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: the module under ``reconciler.cli`` that has it, and what help says of it."""

    name: str
    module: str
    help: str


SECTIONS: Final = {
    "Look": (
        Entry("status", "status", "Show each document: in sync, healthy, since when and why."),
        Entry("plan", "plan", "Show what would be done and why; changes nothing."),
        Entry("why", "past", "Show the last actions on a document with their causes."),
        Entry("events", "events", "Show what was done to documents, and go on showing it."),
        Entry("history", "past", "Show the generations of a document."),
        Entry("audit", "audit", "Show, verify and sign the log of what was done here."),
        Entry("validate", "validate", "Check documents; needs no engine."),
        Entry("explain", "explain", "Tell what a field of documents means."),
        Entry("policy", "policy", "Show and check what documents may ask of this host."),
        Entry("doctor", "doctor", "Check engine, folders and state, and say how to repair."),
    ),
    "Converge": (
        Entry("apply", "apply", "Make the host follow the documents, once."),
        Entry("run", "run", "Keep the host following the documents."),
        Entry("rollback", "rollback", "Edit a document back to an earlier release."),
        Entry("prune", "prune", "Remove containers whose document is gone."),
    ),
    "Operate": (
        Entry("suspend", "control", "Leave a document's container alone for a time."),
        Entry("resume", "control", "End a suspension."),
        Entry("clear", "control", "End quarantine, hold and backoff of a document."),
        Entry("allow", "allow", "Let a release run without the signature that the policy wants."),
        Entry("pin", "pin", "Write the digest of a tag into a document's file."),
        Entry("lock", "lock", "Make a lock file of a Compose file, every image by digest."),
        Entry("sticker", "sticker", "Read, write or verify version stickers."),
    ),
    "Fleet": (
        Entry("fleet", "fleet", "Show and change the agents and documents of an orchestrator."),
        Entry("task", "task", "Ask agents for something, and see what came of it."),
        Entry("orchestrator", "orchestrator", "Tell many hosts what is wished for."),
    ),
    "Set up": (
        Entry("init", "init", "Write a first document for an image, to be read and completed."),
        Entry("agent", "agent", "Take documents and tasks from an orchestrator on this host."),
        Entry("secret", "secret", "Make keys; encrypt and decrypt the secrets of documents."),
        Entry("notify", "notify", "Try the channels that people are told through."),
        Entry("config", "settings", "Show every setting and where it comes from."),
        Entry("completion", "completion", "Print the completion script of a shell."),
    ),
}
ENTRIES: Final = {entry.name: entry for section in SECTIONS.values() for entry in section}


class LazyGroup(Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(import_module(f"reconciler.cli.{entry.module}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in ENTRIES and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], ENTRIES, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"no such command {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # before click turns it into an ordinary failure
            raise ReaderLeft from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, ENTRIES))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.help) for entry in section])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [
            CompletionItem(entry.name, help=entry.help)
            for entry in ENTRIES.values()
            if entry.name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def _print_version(context: click.Context, _: click.Parameter, value: Any) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"reconciler {__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Documents are YAML files in ./desired (--desired DIR). 'reconciler COMMAND --help' tells more.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
@common_options
@pass_invocation
def cli(_: object) -> None:
    """Make a Docker host follow desired-state documents, and show what differs."""
