"""How a demo tells what it does: chapters, commands and what they print, checks and how long they took."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
WITHIN_S = 30.0
_REDRAWN = re.compile(r"\x1b\[\?25l.*\x1b\[2K", re.DOTALL)
"""Lines of progress that the terminal has drawn over and cleared."""

ROOT = Path(__file__).resolve().parents[2]


def paint(code: str, text: str) -> str:
    """Coloured on a terminal, plain elsewhere."""
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def fetch(url: str) -> str:
    """The page's text, or "" while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (our own addresses)
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def say(line: str) -> None:
    """Tell it now, not when a buffer is full."""
    print(line, flush=True)


def on_a_terminal(command: list[str], environment: Mapping[str, str], *, cwd: Path | None) -> tuple[int, str]:
    """Run a command on a pseudo-terminal as wide as what is left beside our margin; exit status and text."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 74, 0, 0))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its, cwd=cwd)
    os.close(its)
    text = b""
    with contextlib.suppress(OSError):  # the other end is closed: the command has ended
        while chunk := os.read(ours, 65536):
            text += chunk
    os.close(ours)
    return process.wait(), text.decode().replace("\r\n", "\n")


@dataclass(slots=True, kw_only=True)
class Teller:
    """What has been told so far: ``failures`` are checks that did not hold."""

    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def title(self, text: str) -> None:
        """Begin a chapter."""
        say(f"\n{paint('1', text)}  {paint('2', f'[{time.monotonic() - self.began:.0f} s]')}")

    def command(
        self, words: tuple[str, ...], environment: Mapping[str, str], *, cwd: Path | None = None, who: str = ""
    ) -> tuple[int, str]:
        """Our own command line on a terminal of its own, as a person would use it: exit status and text."""
        say(paint("36", f"    {who}$ reconciler {' '.join(words)}"))
        status, text = on_a_terminal([sys.executable, "-m", "reconciler", *words], environment, cwd=cwd)
        text = _REDRAWN.sub("", text)
        for line in text.rstrip().splitlines():
            say(f"      {line}")
        return status, re.sub(r"\x1b\[[0-9;]*m", "", text)

    def check(self, what: str, so: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        """Wait until it is so; tell how long it took, or remember that it did not come."""
        began = time.monotonic()
        while not so():
            if time.monotonic() - began > within_s:
                self.failures.append(what)
                say(paint("31", f"    FAILED after {within_s:.0f} s: {what}"))
                return
            time.sleep(0.1)
        say(paint("32", f"    ok  {what}") + paint("2", f"  ({time.monotonic() - began:.1f} s)"))
