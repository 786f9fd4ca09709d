"""One form of a message's JSON, so that equal values are equal bytes for every implementation: RFC 8785.

Documents have their own canonical form (``core.canonical``), whose bytes are in fingerprints and stickers. What is
signed or hashed between programs follows the standard instead, which others can implement from its text; the two
differ in how they write and sort what is not ASCII.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

SIGNATURE: Final = "signature"
"""The key whose value signs everything beside it."""


def canonical(value: Any) -> bytes:
    """Raises ValueError for what JSON does not carry unchanged: numbers beyond 2^53 - 1, half surrogate pairs."""
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, as ``sha256:…``."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def signed_bytes(item: Mapping[str, Any]) -> bytes:
    """What a signature of an AgentTask or AssignedDocument is made over: all of it but the signature. The kind and
    the version of the protocol are in it, so that nothing signed as one thing is taken for another.
    """
    return canonical({key: value for key, value in item.items() if key != SIGNATURE})
