"""Transcripts in the documentation: ``console`` blocks, typed into a shell, and what they show held against it.

A line that begins with ``$ `` is a command, and goes on in lines that begin with ``> ``; what follows is what it
prints. ``…`` stands for anything: within a
line for some text, alone on a line for any number of lines, at a line's end for the rest of it. Blanks at the
end of lines and blank lines do not count.
"""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.pages import Block, blocks

ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Call:
    """A command and what it prints; ``line`` is where it stands on its page."""

    command: str
    prints: str
    line: int


def calls(page: Path) -> Iterator[Call]:
    """All commands of a page's ``console`` blocks, in their order."""
    for block in blocks(page):
        if block.language == "console":
            yield from _calls(block)


def _calls(block: Block) -> Iterator[Call]:
    command, number, printed = "", 0, list[str]()
    for offset, line in enumerate([*block.text.splitlines(), "$ "]):
        if line.startswith("$ "):
            if command:
                yield Call(command, "\n".join(printed), number)
            command, number, printed = line.removeprefix("$ "), block.line + offset, []
        elif line.startswith("> ") and not printed:
            command += "\n" + line.removeprefix("> ")
        else:
            printed.append(line)


def is_as_shown(prints: str, shown: str) -> bool:
    """Whether what was printed is what the page shows."""
    lines = [line.rstrip() for line in shown.splitlines() if line.strip()]
    pattern = "".join(r"(?:.*\n)*?" if line == ANYTHING else _line(line) for line in lines)
    text = "".join(f"{line.rstrip()}\n" for line in prints.splitlines() if line.strip())
    return re.fullmatch(pattern, text) is not None


def _line(shown: str) -> str:
    """A line that begins with anything may have lines before it: what is wrapped may begin elsewhere."""
    rest = shown.removeprefix(ANYTHING)
    before = r"(?:.*\n)*?.*?" if rest != shown else ""
    return before + r".*?".join(re.escape(part) for part in rest.split(ANYTHING)) + r"\n"


class Shell:
    """A bash that lives as long as the block: variables, jobs and the folder stay from one command to the next."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What it left in the background ends before it does."""
        self.run("kill $(jobs -p) 2>&-; wait")
        self._bash.communicate("exit\n", timeout=20)

    def run(self, command: str) -> str:
        """All that the command prints, by whichever way."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        mark = f"end-{uuid.uuid4().hex}"
        self._bash.stdin.write(f"{command}\necho {mark}\n")
        self._bash.stdin.flush()
        printed = ""
        while not printed.endswith(f"{mark}\n"):
            line = self._bash.stdout.readline()
            assert line, f"the shell ended in: {command}"
            printed += line
        return printed.removesuffix(f"{mark}\n")
