"""One line of the audit log: canonical JSON (RFC 8785) with its own hash and that of the line before. Pure.

The hash is SHA-256 over the line's canonical bytes without the member ``hash``. Numbers are integers; everything
else is text, a list or an object, so that every reader writes the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from reconciler import strict_json

VERSION: Final = 1
LONGEST: Final = 256 * 1024
"""Bytes of a line; none that we write comes near it."""

Kind = Literal["opened", "intent", "outcome", "late", "torn", "broken", "removed"]
KINDS: Final = frozenset(get_args(Kind))
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be read. ``sound``: it has the hash that it says."""

    sequence: int
    previous: str
    hash: str
    kind: Kind
    record: Record
    sound: bool


def written(fields: Record, *, sequence: int, previous: str) -> tuple[Line, bytes]:
    """The line of these fields after the one with the hash ``previous``; as it is written, with its line end."""
    body = {**fields, "version": VERSION, "sequence": sequence, "previous": previous}
    digest = _digest(body)
    record = {**body, "hash": digest}
    line = Line(sequence, previous, digest, fields["kind"], record, sound=True)
    return line, strict_json.canonical(record) + b"\n"


def read(raw: bytes) -> Line | None:
    """A line without its line end; None for what is no line of an audit log."""
    try:
        record = strict_json.read(raw, limit=LONGEST)
    except ValueError:
        return None
    if not _well_formed(record):
        return None
    body = {name: value for name, value in record.items() if name != "hash"}
    told = record["hash"]
    # Both: the hash is that of the whole line, and the line is written in the one form that the hash is of.
    sound = _digest(body) == told and strict_json.canonical(record) == raw
    return Line(record["sequence"], record["previous"], told, record["kind"], record, sound)


def _digest(body: Record) -> str:
    return hashlib.sha256(strict_json.canonical(dict(body))).hexdigest()


def _well_formed(record: Record) -> bool:
    """Whether what the chain reads of a line is there, and of the right type."""
    texts = (record.get("previous"), record.get("hash"), record.get("last", ""))
    numbers = (record.get("sequence"), record.get("intent", 0), record.get("through", 0))
    still = record.get("open", [])
    return (
        record.get("kind") in KINDS
        and all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in numbers)
        and isinstance(still, list)
        and all(isinstance(item, dict) and type(item.get("sequence")) is int for item in still)
    )
