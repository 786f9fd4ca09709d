"""Asking for tasks: from one request to a task for each agent that it selects. Pure.

Where credentials are sealed, who sealed them chose the task's id and end: what a seal is bound to stands in it,
and the task is made to fit. So whoever seals needs nothing of the orchestrator but the agent's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from reconciler.errors import InputError, MessageRefused
from reconciler.orchestrator.selector import selected
from reconciler.orchestrator.store.agents import Agent
from reconciler.protocol.message.common import Actor, SealedCredentials
from reconciler.protocol.message.task import FENCED, AgentTask
from reconciler.protocol.reading import read_item
from reconciler.protocol.wire.canonical import canonical
from reconciler.protocol.wire.codec import API_VERSION, from_json, to_json
from reconciler.protocol.wire.times import time_text

TIMEOUT_S: Final = 600
WAITS_S: Final = 3_600
"""How long a task waits for its agent, where nothing is said: an hour later a deploy may be a surprise."""

LARGEST: Final = 960 << 10
"""Bytes of a task: with its signature it fits into what is signed and sent."""

_NAMESPACE: Final = UUID("6f1e51f2-3f1c-4d0c-9a3b-6b1f7a1c9e55")
_COPIED: Final = ("document", "expectedRelease")


@dataclass(frozen=True, slots=True)
class Asked:
    """One agent's task, and its credentials where there are some."""

    task: AgentTask
    sealed: SealedCredentials | None


def asked(
    request: Mapping[str, Any], agents: Iterable[Agent], actor: Actor, *, now: datetime
) -> tuple[Asked, ...]:
    """Raises InputError where nobody is selected, MessageRefused for a payload that is not of the type."""
    chosen = selected(request["targets"], agents)
    credentials = request.get("credentials", {})
    strange = sorted(credentials.keys() - {agent.name for agent in chosen})
    if strange:
        raise InputError(f"credentials are given for {', '.join(strange)}, which the request does not select")
    return tuple(_for_one(request, agent, credentials.get(agent.name), actor, now=now) for agent in chosen)


def _for_one(
    request: Mapping[str, Any], agent: Agent, given: Mapping[str, Any] | None, actor: Actor, *, now: datetime
) -> Asked:
    sealed = from_json(SealedCredentials, given) if given else None
    ends = now + timedelta(seconds=request.get("expiresInSeconds", WAITS_S))
    value = {
        "apiVersion": API_VERSION,
        "kind": "AgentTask",
        "id": str(uuid5(_NAMESPACE, f"{agent.name}\n{request['idempotencyKey']}")),
        "type": request["type"],
        "targetId": agent.name,
        "payload": request["payload"],
        "timeoutSeconds": request.get("timeoutSeconds", TIMEOUT_S),
        "priority": request.get("priority", "normal"),
        "idempotencyKey": request["idempotencyKey"],
        "attempt": 1,
        "assignedAt": time_text(now),
        "expiresAt": time_text(ends.replace(microsecond=0)),
        "actor": to_json(actor),
        **{key: request[key] for key in _COPIED if key in request},
    }
    if request["type"] in FENCED:
        value["generation"] = 1  # the store gives the one that comes next
    if sealed is not None:
        value |= _bound(sealed, agent.name, ends)
    size = len(canonical(value)) + len(canonical(given or {}))
    if size > LARGEST:
        raise InputError(f"the task has {size} bytes with its credentials; {LARGEST} are taken")
    try:
        return Asked(read_item(value, AgentTask), sealed)
    except MessageRefused as error:
        error.about("the request is refused")
        raise


def _bound(sealed: SealedCredentials, agent: str, latest: datetime) -> dict[str, Any]:
    """Id and end, as the seal has them. Raises InputError for a seal of another agent, or a later end."""
    ends = datetime.fromtimestamp(sealed.binding.expires, UTC)
    if sealed.binding.agent != agent:
        raise InputError(f"the credentials for {agent} are sealed for {sealed.binding.agent[:80]!r}")
    if ends > latest:
        raise InputError(
            f"the credentials for {agent} are sealed until {time_text(ends)}, and the task waits until "
            f"{time_text(latest)}",
            hint="give expiresInSeconds, and seal until then at the latest",
        )
    return {"id": sealed.binding.task, "expiresAt": time_text(ends)}
