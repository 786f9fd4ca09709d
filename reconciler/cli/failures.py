"""Failures: what a person reads when a command does not end well, and with which status it ends.

Invariant: a traceback is only ever shown on ``--debug``, and the text of an unexpected exception never is
otherwise, since nobody knows what it carries.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from reconciler.cli.colors import colored
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation, ReaderLeft
from reconciler.errors import InvalidSettings, ReconcilerError


def guarded(command: Callable[[], Any], invocation: Invocation) -> int:
    """Run ``command`` and return the exit status of the process, whatever happens."""
    try:
        status = int(command() or Exit.DONE)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the outermost place: everything becomes a message
        return explain(_innermost(error), invocation)
    return status


def explain(error: Exception, invocation: Invocation) -> int:
    """Tell what went wrong on standard error. Returns the exit status."""
    if isinstance(error, BrokenPipeError | ReaderLeft):
        _drop_output()
        return Exit.BROKEN_PIPE
    if isinstance(error, click.Abort):
        _say(invocation, "stopped; the next pass goes on from here" if invocation.changing else "stopped")
        return Exit.INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    if invocation.debug:
        traceback.print_exception(error)
    status, message, hint = _told(error)
    _say(invocation, "error: " + message.replace("\n", "\n       "), color="red")
    if hint:
        _say(invocation, "hint: " + hint, color="cyan")
    return status


def _told(error: Exception) -> tuple[Exit, str, str]:
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "reconciler"
        return Exit.USAGE, _misused(error), f"try '{path} --help'"
    if isinstance(error, ReconcilerError):
        usage = isinstance(error, InvalidSettings)
        return Exit.USAGE if usage else Exit.ERROR, error.message, error.hint
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return Exit.ERROR, f"{place}{error.strerror or type(error).__name__}", ""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} at {os.path.relpath(frame.filename)}:{frame.lineno}"
    return Exit.BUG, f"this is a bug: {place}", "run it again with --debug and report what it prints"


def _misused(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        meant = f"; did you mean {' or '.join(sorted(error.possibilities))}?" if error.possibilities else ""
        return f"no such option {error.option_name}{meant}"
    return _plain(error.format_message())


def _plain(message: str) -> str:
    """The framework's sentence as one line in our own tone."""
    line = " ".join(message.split()).rstrip(".")
    return line[:1].lower() + line[1:]


def _innermost(error: Exception) -> Exception:
    """The only error of a group, since tasks that run together report in groups."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _say(invocation: Invocation, text: str, *, color: str = "") -> None:
    """One message. The settings may be what is wrong, so only the flag is asked for colours."""
    terminal = invocation.terminal is not None or sys.stderr.isatty()
    choice = invocation.flags.get("color", "auto")
    painted = bool(color) and colored(choice, invocation.environment, terminal=terminal)
    lines = _lines(text, invocation) if terminal else [text]
    word, colon, rest = "\n".join(lines).partition(":")
    shown = click.style(word + colon, fg=color, bold=True) + rest if painted else word + colon + rest
    click.echo(shown, err=True, color=painted)


def _lines(text: str, invocation: Invocation) -> list[str]:
    from reconciler.cli.wrapping import wrapped

    width = invocation.terminal or shutil.get_terminal_size().columns
    return wrapped(text, width, indent=len("error: "))


def _drop_output() -> None:
    """Let the interpreter's last flush go nowhere: the reader has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
