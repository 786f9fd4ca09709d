"""Sticker: the record beside a container that says which release is there. Pure.

Decides what a sticker says and what one that was found is worth. Where it lies is the store's affair.

A sticker is a witness, never the truth: the live container is. It is derived from the committed operation
alone, so that writing it again gives the same bytes, and it holds ids, digests and times only. It is sealed
with HMAC-SHA-256 (RFC 2104) over its canonical JSON under this installation's key; since the bytes around that
JSON are fixed too, a sticker with any byte changed is never ``current``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.core.desired import DesiredState, canonical_json
from reconciler.core.names import operation_id
from reconciler.core.observation import StickerReading, StickerState
from reconciler.core.record import Operation, Record, Revision
from reconciler.errors import StateError

VERSION = "1.0"
GENERATOR = "reconciler"
MAX_BYTES = 16 * 1024


def make_sticker(record: Record) -> Mapping[str, Any]:
    """What the sticker of the committed generation says, without its seal.

    Raises StateError when nothing is committed.
    """
    operation, revision = record.committed, record.committed_revision
    if operation is None or revision is None:
        raise StateError(f"nothing of {record.document} is committed: there is nothing for a sticker to say")
    return {
        "version": VERSION,
        "generatedAt": _time(operation.ended_at),
        "generator": GENERATOR,
        "release": _release(revision),
        "deployment": _deployment(record, operation, revision.desired),
        "fingerprint": operation.fingerprint,
        "previous": _previous(record, operation),
    }


def seal(sticker: Mapping[str, Any], key: bytes) -> bytes:
    """The bytes to write: readable JSON with its ``mac``. Equal stickers give equal bytes.

    Raises StateError over 16 KiB, ValueError for values that JSON does not have.
    """
    content = _sealed(sticker, _mac(sticker, key))
    if len(content) > MAX_BYTES:
        raise StateError(f"a sticker would have {len(content)} bytes, more than {MAX_BYTES}")
    return content


def judge(reading: StickerReading | None, record: Record, desired: DesiredState, key: bytes) -> StickerState:
    """What the sticker that was found is worth. Never raises.

    ``corrupt``: not a sticker, or not byte for byte as sealed. ``forged``: not sealed with our key, or sealed
    for another document. ``stale``: ours, of another generation than the committed one.
    """
    if reading is None:
        return "unknown"
    if reading.fact != "present":
        return "absent" if reading.fact == "absent" else "corrupt"
    sticker = _parse(reading.content)
    if sticker is None:
        return "corrupt"
    mac = _mac(sticker, key)
    if not hmac.compare_digest(str(sticker.get("mac")).encode("ascii", "replace"), mac.encode("ascii")):
        return "forged"
    if _sealed(sticker, mac) != reading.content:
        return "corrupt"
    return _age(sticker, record, desired)


def _age(sticker: Mapping[str, Any], record: Record, desired: DesiredState) -> StickerState:
    """Of a sticker that we sealed: for which document, and for the committed generation or another."""
    said = {name: value for name, value in sticker.items() if name != "mac"}
    if record.committed_revision is not None and said == make_sticker(record):
        return "current"
    deployment = said.get("deployment")
    ours = isinstance(deployment, Mapping) and deployment.get("document") == desired.name
    return "stale" if ours else "forged"


def _parse(content: bytes) -> dict[str, Any] | None:
    """The JSON object in ``content`` if it has canonical values and a sticker's size, else None."""
    if len(content) > MAX_BYTES:
        return None
    try:
        value = json.loads(content)
        canonical_json(value)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _sealed(sticker: Mapping[str, Any], mac: str) -> bytes:
    text = json.dumps({**sticker, "mac": mac}, indent=2, sort_keys=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def _mac(sticker: Mapping[str, Any], key: bytes) -> str:
    """The seal over everything but itself."""
    said = {name: value for name, value in sticker.items() if name != "mac"}
    return hmac.new(key, canonical_json(said), hashlib.sha256).hexdigest()


def _release(revision: Revision) -> Mapping[str, Any]:
    desired = revision.desired
    services = desired.project.services if desired.project else ()
    images = [(item.name, item.image) for item in services] or [(desired.container_name, desired.image)]
    return {
        "id": revision.release.id,
        "name": revision.release.name,
        "components": [
            {"name": name, "image": image.repository, "digest": image.digest} for name, image in images
        ],
    }


def _deployment(record: Record, operation: Operation, desired: DesiredState) -> Mapping[str, Any]:
    return {
        "id": operation_id(record.owner, record.document, operation.generation),
        "document": record.document,
        "kind": desired.kind,
        "target": desired.target or "",
        "generation": operation.generation,
        "strategy": desired.strategy.order if desired.project is None else "compose",
        "startedAt": _time(operation.started_at),
        "completedAt": _time(operation.ended_at),
        "actor": operation.actor,
        "taskId": "",
    }


def _previous(record: Record, committed: Operation) -> Mapping[str, Any] | None:
    """The newest commit of another revision, which is what a rollback would return to."""
    for operation in reversed(record.operations):
        revision = record.revision(operation.fingerprint)
        if operation.state == "committed" and operation.fingerprint != committed.fingerprint and revision:
            return {
                "releaseId": revision.release.id,
                "digest": revision.digest,
                "generation": operation.generation,
            }
    return None


def _time(seconds: float) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
