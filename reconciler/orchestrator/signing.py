"""Signing what agents are told to do: by the release key, over all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from reconciler import strict_json
from reconciler.protocol.message.common import Signature
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import as_value
from reconciler.protocol.wire.canonical import signed_part
from reconciler.sealing.release_keys import ReleaseKey
from reconciler.sealing.signed_task import LIMIT, sign_task

ALGORITHM: Final = "Ed25519"

Item = TypeVar("Item", AgentTask, AssignedDocument)


def signed(item: Item, key: ReleaseKey) -> Item:
    """The same with its signature, in place of one that it may have. Raises ValueError where it is too large."""
    told = strict_json.read(sign_task(signed_part(as_value(item)), key), limit=LIMIT)
    return replace(item, signature=Signature(algorithm=ALGORITHM, key_id=key.id, value=told["signature"]))
