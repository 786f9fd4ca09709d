"""Checkpoint: a signed statement of where the log ended at one moment. Kept elsewhere it shows that a tail is cut.

Pure but for the signature. A checkpoint is one line of canonical JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from reconciler import strict_json
from reconciler.audit.signing import public_key, sign, signed_by

VERSION: Final = 1
LONGEST: Final = 4096
"""Bytes of a line; ours are some 300."""
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """``hash`` is that of line ``sequence``; ``key`` the public key that signed."""

    sequence: int
    hash: str
    time: str
    key: str
    signature: str = ""

    @property
    def text(self) -> str:
        """The line, without a line end."""
        return strict_json.canonical({**self._told(), "signature": self.signature}).decode()

    @property
    def genuine(self) -> bool:
        """Whether the key that it names has signed it."""
        return signed_by(self.key, self.statement, self.signature)

    @property
    def statement(self) -> bytes:
        """What is signed."""
        return strict_json.canonical(self._told())

    def _told(self) -> dict[str, int | str]:
        return {
            "version": VERSION,
            "sequence": self.sequence,
            "hash": self.hash,
            "time": self.time,
            "key": self.key,
        }


def make(secret: bytes, *, sequence: int, digest: str, time: str) -> Checkpoint:
    """The checkpoint of one line."""
    draft = Checkpoint(sequence=sequence, hash=digest, time=time, key=public_key(secret))
    return replace(draft, signature=sign(secret, draft.statement))


def parse(content: str) -> Iterator[Checkpoint | None]:
    """Every line of a file of checkpoints; None for what is none."""
    for line in filter(None, map(str.strip, content.split("\n"))):
        yield _parsed(line)


def _parsed(line: str) -> Checkpoint | None:
    try:
        told = strict_json.read(line, limit=LONGEST)
        found = Checkpoint(**{name: told[name] for name in ("sequence", "hash", "time", "key", "signature")})
        numbers = type(found.sequence) is int and told["version"] == VERSION
    except (ValueError, KeyError):
        return None
    texts = (found.hash, found.time, found.key, found.signature)
    if not numbers or not all(isinstance(item, str) for item in texts) or not _HEX.fullmatch(found.hash):
        return None
    return found
