"""Pages of the documentation, and what tests look at in them: links, blocks, commands, named tests. Reads only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language and its text without the indentation of the fence. ``line`` is its first."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    content = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(content):
        indent = len(match[1])
        text = "".join(line[indent:] for line in match[3].splitlines(keepends=True))
        yield Block(match[2], text, content.count("\n", 0, match.start()) + 2)


def links(page: Path) -> Iterator[str]:
    """Targets of the links of a page, outside of blocks and of code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    yield from _LINK.findall(prose)


def mentioned(page: Path, program: str) -> Iterator[tuple[str, ...]]:
    """Arguments of each call of ``program`` that stands as code within a sentence."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for words in re.findall(rf"`{program} ([^`]+)`", prose):
        yield tuple(shlex.split(words))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, made as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_tests(page: Path) -> Iterator[tuple[str, str]]:
    """File and function of each test that a page names."""
    yield from _NAMED_TEST.findall(page.read_text(encoding="utf-8"))


def commands(block: Block, program: str) -> Iterator[tuple[str, ...]]:
    """Arguments of each call of ``program`` in a block of shell lines; comments and pipes are cut off."""
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("();<>|&"):
                yield from _call(words, program)
                words = []
            else:
                words.append(word)


def _call(words: list[str], program: str) -> Iterator[tuple[str, ...]]:
    if words and Path(words[0]).name == program:
        yield tuple(words[1:])
