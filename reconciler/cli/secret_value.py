"""The value of a secret on its way in and out: a hidden prompt or standard input; standard output or a new file.

Never an argument: argument lists are seen by everybody on the host. Of a single line the line break at its end is
left out, since ``echo`` adds one that no password has; a value of several lines (a key, a file) is kept to the
byte.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from reconciler.atomic import create_file
from reconciler.cli.screen import Screen
from reconciler.core.secret import Secret
from reconciler.core.words import count
from reconciler.errors import InputError

LIMIT: Final = 256 * 1024


def read_value(screen: Screen, *, keep_newline: bool) -> Secret:
    """The value that a person types twice, unseen, or that a program writes to standard input. What was done about
    its last line break is said. Raises InputError when it is empty or larger than 256 KiB.
    """
    if sys.stdin.isatty():
        typed: str = click.prompt("Value", hide_input=True, confirmation_prompt="Once more", err=True)
        return Secret(typed.encode())
    content = sys.stdin.buffer.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise InputError(f"the value is larger than {LIMIT // 1024} KiB")
    value = content if keep_newline else one_line(content)
    if not value:
        raise InputError("the value on standard input is empty", hint="nothing was written")
    screen.note(_told(content, value), style="dim")
    return Secret(value)


def one_line(content: bytes) -> bytes:
    """Without the line break at the end, if that is the only one."""
    line = content.removesuffix(b"\n").removesuffix(b"\r") if content.endswith(b"\n") else content
    return content if b"\n" in line else line


def write_value(value: Secret, *, to: Path | None, force: bool) -> None:
    """To standard output, or to a new file that nobody else can read. Raises InputError on a terminal, unless
    forced, and when the file is there.
    """
    if to is not None:
        if not create_file(to, value.reveal(), mode=0o600):
            raise InputError(f"{to} is there already", hint="it is left as it is; name another file")
        return
    if sys.stdout.isatty() and not force:
        raise InputError(
            "standard output is a terminal, which keeps what it shows",
            hint="write to a pipe or with --out FILE; --force shows it",
        )
    sys.stdout.buffer.write(value.reveal())
    sys.stdout.buffer.flush()


def _told(content: bytes, value: bytes) -> str:
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if lines > 1:
        return f"the value: {count(lines, 'line')}, kept to the byte"
    end = ", without the line break at its end" if value != content else ""
    return f"the value: {count(len(value), 'byte')}{end}"
