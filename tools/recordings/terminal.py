"""A real terminal of a given size: a server of tmux of our own, in which a shell runs the program."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.parts.host import PartFailed

WITHIN_S: Final = 180.0
PROMPT: Final = "$ "


class Terminal:
    """One pane. Nothing of the user's own tmux is read or touched."""

    def __init__(self, *, columns: int, lines: int, environment: Mapping[str, str], folder: Path) -> None:
        self.columns = columns
        self._server = ["tmux", "-L", f"recordings-{os.getpid()}", "-f", os.devnull]
        self._environment = {**environment, "PS1": PROMPT, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self._folder = folder
        self._size = ("-x", str(columns), "-y", str(lines))

    def __enter__(self) -> Self:
        self._tmux("new-session", "-d", *self._size, "bash", "--norc", "--noprofile")
        try:
            self._tmux("set-option", "-g", "default-terminal", "tmux-256color")
            self.wait(lambda pane: pane.strip() == PROMPT.strip())
        except BaseException:
            self._tmux("kill-server")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server")

    def type(self, line: str) -> None:
        """Type a line on a clear screen, and Enter."""
        self._tmux("send-keys", "-R")
        self._tmux("clear-history")
        self._tmux("send-keys", "C-l")
        time.sleep(0.3)
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._tmux("send-keys", "C-c")

    def ended(self) -> str:
        """Wait for the prompt after what was typed; what is on the screen then, without that prompt."""
        self.wait(lambda pane: pane.rstrip("\n").endswith(f"\n{PROMPT.strip()}"))
        return self.capture().rstrip().removesuffix(PROMPT.strip()).rstrip()

    def wait(self, so: Callable[[str], bool]) -> str:
        """Wait until the screen's text is so; the screen at that moment, with colours."""
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            if so(self._tmux("capture-pane", "-p").rstrip("\n")):
                return self.capture()
            time.sleep(0.05)
        raise PartFailed(f"the terminal never came to it:\n{self._tmux('capture-pane', '-p')}")

    def capture(self) -> str:
        """The screen with colours."""
        return self._tmux("capture-pane", "-e", "-p").rstrip("\n")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            [*self._server, *words], env=self._environment, cwd=self._folder, capture_output=True, check=False
        )
        if done.returncode:
            raise PartFailed(f"tmux {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout.decode()
