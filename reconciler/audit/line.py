"""One line of the audit log: canonical JSON (RFC 8785) with its own hash and that of the line before. Pure.

The hash is SHA-256 over the line's canonical bytes without the member ``hash``. Numbers are integers; everything
else is text, a list or an object, so that every reader writes the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from reconciler import strict_json

VERSION: Final = 1
LONGEST: Final = 256 * 1024
"""Bytes of a line; none that we write comes near it."""

_HASH = re.compile(rb',"hash":"([0-9a-f]{64})"')

Kind = Literal["opened", "intent", "outcome", "late", "torn", "broken", "removed"]
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


def written(fields: Record, *, sequence: int, previous: str) -> bytes:
    """The line of these fields after the one with the hash ``previous``, with its line end."""
    body = {**fields, "version": VERSION, "sequence": sequence, "previous": previous}
    digest = hashlib.sha256(strict_json.canonical(body)).hexdigest()
    return strict_json.canonical({**body, "hash": digest}) + b"\n"


def read(raw: bytes) -> Line | None:
    """A line without its line end; None for what is no line of an audit log."""
    found = _HASH.search(raw)
    if found is None:
        return None
    try:
        record = strict_json.read(raw, limit=LONGEST)
        sequence, previous, kind = record["sequence"], record["previous"], record["kind"]
    except (ValueError, KeyError):
        return None
    if not isinstance(sequence, int) or not isinstance(previous, str) or not isinstance(kind, str):
        return None
    # Quotes within texts are escaped, so that the pattern can only be the member itself.
    sound = hashlib.sha256(raw[: found.start()] + raw[found.end() :]).hexdigest() == found[1].decode()
    return Line(sequence, previous, str(record["hash"]), kind, record, sound)  # type: ignore[arg-type]  # told below
