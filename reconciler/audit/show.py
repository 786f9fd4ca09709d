"""Show: lines put together for people: an intent with what came of it is one entry. Changes nothing.

What cannot be read is passed over: whether the log is whole is ``verify``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from reconciler.audit.chain import lines_of
from reconciler.audit.files import LogFiles
from reconciler.audit.line import Record, read

OPEN: Final = "open"
"""The result of an intent of which nothing more is known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries: of a document, at or after a time (as lines have it), of an actor (its name, its type, or
    both with a colon); "" for all.
    """

    document: str = ""
    since: str = ""
    actor: str = ""

    def has(self, entry: Record) -> bool:
        """Whether it is one of them."""
        who = entry.get("actor", {})
        names = {who.get("name"), who.get("type"), f"{who.get('type')}:{who.get('name')}"}
        return (
            (not self.document or entry.get("document") == self.document)
            and (not self.actor or self.actor in names)
            and str(entry.get("time", "")) >= self.since
        )


def entries(log: LogFiles, wanted: Wanted, *, limit: int) -> list[dict[str, Any]]:
    """The newest ``limit`` entries, oldest first. Raises StateUnwritable where the log cannot be read."""
    found: dict[int, dict[str, Any]] = {}
    for record in _records(log):
        begun = found.get(int(record.get("intent", 0)))
        if record["kind"] == "outcome" and begun is not None:
            begun |= {name: record[name] for name in ("outcome", "detail") if name in record}
            begun["ended"] = record["time"]
            continue
        entry = {**record, "outcome": OPEN} if record["kind"] == "intent" else dict(record)
        if wanted.has(entry):
            found[entry["sequence"]] = entry
    return [*found.values()][-limit:]


def _records(log: LogFiles) -> Iterator[Record]:
    for name in log.names():
        for raw in lines_of(log.content(name)):
            line = read(raw.removesuffix(b"\n"))
            if line is not None:
                yield line.record
