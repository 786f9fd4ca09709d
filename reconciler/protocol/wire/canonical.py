"""One form of a message's JSON, so that equal values are equal bytes for every implementation: RFC 8785.

Documents have their own canonical form (``core.canonical``), whose bytes are in fingerprints and stickers. What is
signed or hashed between programs follows the standard instead (``strict_json``), which others can implement from
its text; the two differ in how they write and sort what is not ASCII.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from reconciler import strict_json

SIGNATURE: Final = "signature"
"""The key of an AgentTask or AssignedDocument that holds the signature of everything beside it."""


def canonical(value: Any) -> bytes:
    """Raises ValueError for what JSON does not carry unchanged."""
    return strict_json.canonical(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, as ``sha256:…``."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def signed_part(item: Mapping[str, Any]) -> dict[str, Any]:
    """What the signature of an AgentTask or AssignedDocument is over. Its kind and the version of the protocol are
    in it, so that nothing signed as one thing is taken for another.
    """
    return {key: value for key, value in item.items() if key != SIGNATURE}


def detached(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item beside its signature: the form in which ``sealing`` signs and verifies. Without a signature its
    fields are empty, which verifies nowhere.
    """
    found = item.get(SIGNATURE)
    signature = found if isinstance(found, Mapping) else {}
    return {
        "keyId": signature.get("keyId", ""),
        "signature": signature.get("value", ""),
        "task": signed_part(item),
    }
