"""The most that a reader takes. What is above is refused before anything is built from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``message_bytes`` of a whole message; ``depth`` of lists and objects within each other; ``values`` are all
    values and keys; ``tasks`` and ``documents`` in one message; ``log_bytes`` of one log text, in UTF-8;
    ``output_bytes`` of a result's outputs, in canonical JSON.
    """

    message_bytes: int = 4 << 20
    depth: int = 24
    values: int = 100_000
    tasks: int = 1_000
    documents: int = 1_000
    log_bytes: int = 64 << 10
    output_bytes: int = 256 << 10


DEFAULT = Limits()
