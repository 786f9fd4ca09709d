"""Whether tasks and documents are signed by whom this agent believes.

Keys that the host's own policy names count alone. Where it names none, those count that the orchestrator told at
enrolment: they keep a stranger on the way out, and not who owns the orchestrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.agent.place import TaskKey
from reconciler.errors import TaskRefused
from reconciler.protocol.admission import Verifier
from reconciler.protocol.wire.canonical import SIGNATURE, detached
from reconciler.sealing.release_keys import TrustedReleaseKeys
from reconciler.sealing.signed_task import verify_task


def trusted(told: Iterable[TaskKey], own: Iterable[bytes]) -> TrustedReleaseKeys:
    """The keys to believe: ``own`` where there are any, else ``told``; all in PEM. Raises InputError."""
    texts = tuple(own)
    return TrustedReleaseKeys(texts or tuple(key.value.encode() for key in told))


def verifier(keys: TrustedReleaseKeys) -> Verifier:
    """Says of a task or document, as it came, why its signature does not count; "" for one that does, and for
    none: whether there must be one is the policy's.
    """

    def verify(item: Mapping[str, Any]) -> str:
        if item.get(SIGNATURE) is None:
            return ""
        try:
            verify_task(detached(item), keys, target=str(item.get("targetId")))
        except TaskRefused as error:
            return error.message
        return ""

    return verify
