"""Problem: one thing that is wrong in a desired-state file, at the place where a person can mend it.

Printed as ``file:line:column: path: what is wrong; allowed: …; did you mean "…"?``. Lines and columns count
from 1, columns in characters. The source line is kept for people at a terminal; it is left empty where a
value may be secret (``is_private``), and messages about such places never quote the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from reconciler.core.display import looks_secret, without_credentials

Level = Literal["error", "warning"]
Path = tuple[str | int, ...]

MAX_SOURCE_LINE = 200
"""Characters of a line that are shown at most."""

MAX_QUOTED = 60
_KEY = re.compile(r"[ \t]*(?:- +)?[A-Za-z][\w.-]{0,39}:(?=\s|$)")
PRIVATE = frozenset({"environment", "secrets", "files"})


class Place(NamedTuple):
    """Where something is written; ``text`` is the whole source line, or "" where it may hold a secret."""

    line: int
    column: int
    text: str = ""


class Wrong(ValueError):
    """One value is wrong. Raised by the readers of single values; its text is the message of a Problem."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Sorted by file and place. ``document`` is the name of the document it concerns, if known."""

    file: str
    line: int
    column: int
    path: str
    message: str
    level: Level = "error"
    document: str = ""
    text: str = ""

    def __str__(self) -> str:
        words = (self.where, "warning" if self.level == "warning" else "", self.path, self.message)
        return ": ".join(word for word in words if word)

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def is_error(problem: Problem) -> bool:
    return problem.level == "error"


def dotted(path: Sequence[str | int]) -> str:
    """``("spec", "ports", 0)`` as ``spec.ports[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def is_private(path: Iterable[str | int]) -> bool:
    """Whether values below this path may be secret and are never quoted: by place, or by a key's name."""
    return any(part in PRIVATE or looks_secret(str(part)) for part in path)


def source_line(path: Iterable[str | int], line: str) -> str:
    """A line of a document as it may be shown for a problem at ``path``."""
    return "" if is_private(path) else without_credentials(line)


def without_value(line: str) -> str:
    """A line of YAML with its key alone, for where nobody can tell whose value it has: that may be secret."""
    found = _KEY.match(line)
    if found is None:
        return ""
    return found[0] + (" …" if line[found.end() :].strip() else "")


def suggestion(word: str, known: Iterable[str], *, likeness: float = 0.7) -> str:
    """The known word that was most likely meant, or ""; ``likeness`` is how much they have in common at least."""
    import difflib  # noqa: PLC0415  (only mistakes pay for it)

    folded = {"".join(char for char in name.lower() if char.isalnum()): name for name in known}
    wanted = "".join(char for char in word.lower() if char.isalnum())
    close = difflib.get_close_matches(wanted, folded, n=1, cutoff=likeness)
    return folded[close[0]] if close else ""


def as_list(value: object) -> str:
    """The end of a message about a single value where a list is wanted: how it is written as one."""
    written = json.dumps(value, ensure_ascii=False) if isinstance(value, str | int) else ""
    return f"; write [{written}]" if written and len(written) <= MAX_QUOTED else ""


def choices(word: str, known: Sequence[str], *, limit: int = 14) -> str:
    """The end of a message about an unknown word: what is allowed, what was meant."""
    meant = suggestion(word, known)
    listed = f"; allowed: {', '.join(known)}" if known and (len(known) <= limit or not meant) else ""
    return listed + (f'; did you mean "{meant}"?' if meant else "")
