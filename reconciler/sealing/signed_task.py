"""Signed task: a task with the signature of a release key over all of it.

What is signed is the task's canonical JSON (RFC 8785), after a line that says what it is, so that a signature of
something else never counts for a task. Its form:

    {"keyId": "…", "signature": "<base64>", "task": {…, "targetId": "host-a"}}

An agent verifies before it looks at, stores or answers anything of it. Whether a task is a repeat, came too late
or asks for what the host does not allow is decided after that, by others.

Invariant: of a task that verifies no byte was changed since it was signed: the text must be the canonical one, and
a task that was read already must have the same canonical text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from reconciler import strict_json
from reconciler.errors import TaskRefused
from reconciler.sealing.release_keys import ReleaseKey, TrustedReleaseKeys

LIMIT: Final = 1024 * 1024
SIGNATURE_BYTES: Final = 64
_CONTEXT: Final = b"stella task 1\n"
_HINT: Final = "it is not carried out; look at who sends tasks to this agent"


def sign_task(task: Mapping[str, Any], key: ReleaseKey) -> bytes:
    """The signed task, as its canonical text. Raises ValueError for what such a text does not have, as floats."""
    body = strict_json.canonical(dict(task))
    signature = base64.b64encode(key.sign(_CONTEXT + body)).decode()
    signed = strict_json.canonical({"keyId": key.id, "signature": signature, "task": dict(task)})
    if len(signed) > LIMIT:
        raise ValueError(f"a signed task has at most {LIMIT} bytes")
    return signed


def verify_text(signed: bytes, keys: TrustedReleaseKeys, *, target: str) -> dict[str, Any]:
    """The task that stands in a text. Raises TaskRefused where any byte of it was changed."""
    try:
        value = strict_json.read(signed, limit=LIMIT)
    except ValueError as error:
        raise TaskRefused(f"the task {error}", hint=_HINT) from error
    if strict_json.canonical(value) != signed:
        raise TaskRefused("the task is not written in the form in which it was signed", hint=_HINT)
    return verify_task(value, keys, target=target)


def verify_task(signed: Mapping[str, Any], keys: TrustedReleaseKeys, *, target: str) -> dict[str, Any]:
    """The task of a message that was read strictly (``strict_json``). ``target``: the agent's own name. Raises
    TaskRefused.
    """
    if signed.keys() != {"keyId", "signature", "task"} or not isinstance(signed["task"], dict):
        raise TaskRefused("the task is not a signed one", hint=_HINT)
    key, task = signed["keyId"], signed["task"]
    if not isinstance(key, str) or not keys.knows(key):
        raise TaskRefused(
            f"the task is signed by the key {str(key)[:16]!r}, which is not trusted here",
            hint=f"trusted: {', '.join(keys.ids) or 'none'}",
        )
    if not keys.signed(key, _CONTEXT + _canonical(task), _signature(signed["signature"])):
        raise TaskRefused("the task was changed after it was signed, or its signature is another's", hint=_HINT)
    if task.get("targetId") != target:
        raise TaskRefused(f"the task is for {str(task.get('targetId'))[:80]!r}, and this is {target}", hint=_HINT)
    return task


def _canonical(task: Mapping[str, Any]) -> bytes:
    try:
        return strict_json.canonical(task)
    except ValueError as error:
        raise TaskRefused(f"the task {error}", hint=_HINT) from error


def _signature(text: Any) -> bytes:
    try:
        found = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != SIGNATURE_BYTES or base64.b64encode(found).decode() != text:
        raise TaskRefused("the task's signature is not 64 bytes in base64", hint=_HINT)
    return found
