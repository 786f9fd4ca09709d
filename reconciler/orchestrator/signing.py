"""Signing what agents are told to do: by the release key, over all of it."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final, TypeVar

from reconciler.protocol.message.common import Signature
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import as_value
from reconciler.protocol.wire.canonical import signed_bytes
from reconciler.sealing.release_keys import ReleaseKey

ALGORITHM: Final = "Ed25519"

Item = TypeVar("Item", AgentTask, AssignedDocument)


def signed(item: Item, key: ReleaseKey) -> Item:
    """The same with its signature, in place of one that it may have."""
    value = base64.b64encode(key.sign(signed_bytes(as_value(item)))).decode()
    return replace(item, signature=Signature(algorithm=ALGORITHM, key_id=key.id, value=value))


def public_value(key: ReleaseKey) -> str:
    """The public key as agents are told it: what stands between the lines of its PEM, base64 of its DER form."""
    return "".join(line for line in key.public.decode().splitlines() if not line.startswith("-"))
