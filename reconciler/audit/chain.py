"""Chain: reads line after line and says what does not follow; knows where the log ends and what is open. Pure.

The same for who writes the next line and for who verifies the whole. After a fault it goes on from the line that
it met, so that one edit is told once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.audit.line import Line, Record, read

BEGINS_FILE: Final = ("opened", "broken")


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that was edited, removed, moved or cut. ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(slots=True)
class Chain:
    """``sequence`` and ``hash`` are those of the last line; ``open`` the intents without an outcome; ``torn`` what
    stands after the last line and is none; ``repaired`` and ``broken`` are places (``file:line``) of lines that
    tell of what was torn, and of breaks.
    """

    sequence: int = 0
    hash: str = ""
    open: dict[int, dict[str, Any]] = field(default_factory=dict)
    torn: bytes = b""
    lines: int = 0
    first: int = 0
    before_first: str = ""
    repaired: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    removed: dict[int, str] = field(default_factory=dict)
    """Hashes of the last lines of files that were removed, by their sequence, as later lines tell."""
    _torn_at: tuple[str, int] = ("", 0)

    @property
    def anchored(self) -> bool:
        """Whether any line was read."""
        return self.lines > 0

    def feed(self, file: str, number: int, raw: bytes) -> Fault | None:
        """Read one line (with its line end, unless it is cut); what is wrong with it."""
        line = read(raw[:-1]) if raw.endswith(b"\n") else None
        if line is None:
            if not self.torn:
                self._torn_at = file, number
            self.torn += raw
            return None
        fault = self._fault(file, number, line)
        self.take(file, number, line)
        return fault

    def take(self, file: str, number: int, line: Line) -> None:
        """Go on from a line, whatever stands before it."""
        if not self.anchored:
            self.first, self.before_first = line.sequence, line.previous
        self.lines += 1
        self.sequence, self.hash, self.torn = line.sequence, line.hash, b""
        if line.sound:
            self._mean(line, f"{file}:{number}")

    def end_of_file(self) -> Fault | None:
        """What is wrong with a file that another one follows: nothing repairs what is torn at its end."""
        return self._lost() if self.torn else None

    def _fault(self, file: str, number: int, line: Line) -> Fault | None:
        if self.torn and not _repairs(line.record, self.torn):
            return self._lost()
        wrong = self._wrong(number, line)
        return Fault(file, number, wrong) if wrong else None

    def _wrong(self, number: int, line: Line) -> str:
        """What is wrong with a line that can be read; "" for nothing."""
        if not line.sound:
            return "was edited: it has not the hash that it says"
        if number == 1 and line.kind not in BEGINS_FILE:
            return "is not how a file of the log begins: lines before it were removed"
        if not self.anchored or line.kind == "broken":
            return ""
        if line.sequence != self.sequence + 1:
            return f"line {line.sequence} follows line {self.sequence}: {_order(self, line)}"
        return "" if line.previous == self.hash else "does not follow the line before it: one of them was replaced"

    def _lost(self) -> Fault:
        self.torn = b""
        return Fault(*self._torn_at, "is no line of an audit log: it was edited or cut")

    def _mean(self, line: Line, place: str) -> None:
        """What a line says. One that was edited says nothing."""
        if line.kind == "intent":
            self.open[line.sequence] = _brief(line.record, line.sequence)
        elif line.kind == "outcome":
            self.open.pop(int(line.record.get("intent", 0)), None)
        elif line.kind == "torn":
            self.repaired.append(place)
        elif line.kind == "removed":
            self.removed[int(line.record.get("through", 0))] = str(line.record.get("last", ""))
        else:
            self._begin(line, place)

    def _begin(self, line: Line, place: str) -> None:
        """A file begins: it tells which intents are open, also where it is the first that is read."""
        if line.kind == "broken":
            self.broken.append(place)
        if line.kind in BEGINS_FILE:
            self.open = {int(item["sequence"]): dict(item) for item in line.record.get("open", ())}


def lines_of(content: bytes) -> Iterator[bytes]:
    """Lines with their line ends; the last may have none. Only LF ends a line."""
    begin = 0
    while begin < len(content):
        end = content.find(b"\n", begin) + 1 or len(content)
        yield content[begin:end]
        begin = end


def torn_digest(torn: bytes) -> str:
    """What a line of kind ``torn`` says of the bytes before it, to which a line end was added."""
    return hashlib.sha256(torn.removesuffix(b"\n")).hexdigest()


def _repairs(record: Record, torn: bytes) -> bool:
    return record["kind"] == "torn" and record.get("torn") == torn_digest(torn)


def _brief(record: Record, sequence: int) -> dict[str, Any]:
    told = {name: str(record[name]) for name in ("document", "action", "target") if name in record}
    return {"sequence": sequence, **told}


def _order(chain: Chain, line: Line) -> str:
    if line.sequence > chain.sequence:
        return "lines between them were removed"
    return "they were put in another order, or repeated"
