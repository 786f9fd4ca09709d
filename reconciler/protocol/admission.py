"""Whether an agent takes a task, and if not, why. Pure; the answer to a repeat comes from the inbox.

In this order: is it for us; is it signed, and are its credentials its own; was it asked for before; is it still
wanted; is it in time, and can we tell; does the host's policy allow it; is it newer than what we have; is there
room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from reconciler.protocol.agent_policy import AgentPolicy, refusal
from reconciler.protocol.clock import Clock
from reconciler.protocol.fence import Fence
from reconciler.protocol.inbox import Entry
from reconciler.protocol.message.common import Outcome
from reconciler.protocol.message.task import AgentTask, binding_of
from reconciler.protocol.wire.times import Moment

Verifier = Callable[[Mapping[str, Any]], str]
"""Says why the signature of a task or document, as it came, is not to be relied on; "" when it is."""

Step = Literal["accept", "repeat", "conflict", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the agent is by its certificate, and the hosts that it answers for."""

    agent: str
    targets: tuple[str, ...] = ()

    def answers_for(self, target: str) -> bool:
        return target == self.agent or target in self.targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the agent knows when a task comes. ``known`` is what its key leads to; ``open_tasks`` are not over."""

    identity: Identity
    policy: AgentPolicy
    clock: Clock
    fence: Fence
    known: Entry | None
    unwanted: bool
    open_tasks: int
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """``repeat``: the request is known. ``conflict``: its key is that of another one, which stays as it is."""

    step: Step
    outcome: Outcome = "refused"
    error_type: str = ""
    reason: str = ""
    retriable: bool = False


ACCEPTED: Final = Admission(step="accept")
CANCELLED: Final = Admission(step="refuse", outcome="cancelled", error_type="cancelled", reason="it was cancelled")
EXPIRED: Final = Admission(step="refuse", outcome="expired", error_type="expired", reason="its time is over")
NOT_AT_WORK: Final = Admission(step="refuse", error_type="not-running", reason="no such task is at work here")


def admit(task: AgentTask, standing: Standing, now: Moment, forged: str) -> Admission:
    """What is to be done with a task that has come. ``forged``: what the Verifier says of it."""
    if not standing.identity.answers_for(task.target_id):
        return _refused("not-addressed", f"it is for another target than {standing.identity.agent}")
    if forged:
        return _refused("signature", forged)
    if task.credentials is not None and task.credentials.binding != binding_of(task):
        return _refused("credentials", "its credentials are bound to another task")
    if standing.known is not None:
        same = standing.known.task.request_hash == task.request_hash
        told = "its idempotency key was used for another request, which stays as it is"
        return Admission(step="repeat") if same else _refused("key-reused", told, step="conflict")
    if standing.unwanted:
        return CANCELLED
    return too_late(task, standing.clock, now) or _allowed(task, standing) or ACCEPTED


def too_late(task: AgentTask, clock: Clock, now: Moment) -> Admission | None:
    """Why the task may not be begun, or not be carried past its point of no return, at this time; None when it
    may. Asked again each time, since all of it changes while a task waits.
    """
    if clock.server_time(now) >= task.expires_at:
        return EXPIRED
    trouble = clock.trouble(now) if task.mutates else ""
    return _refused("clock-skew", trouble, retriable=True) if trouble else None


def unexpected(task: AgentTask, running_release: str) -> Admission | None:
    """Why the task is not begun, seen what runs: it names what it wants to find; None when that is there."""
    if task.expected_release is None or task.expected_release == running_release:
        return None
    found = f"{running_release} runs" if running_release else "nothing runs"
    return _refused("unexpected-release", f"{found}, where {task.expected_release} was expected")


def _allowed(task: AgentTask, standing: Standing) -> Admission | None:
    forbidden = refusal(task, standing.policy)
    if forbidden:
        return _refused("policy", forbidden)
    stale = standing.fence.stops_task(task)
    if stale:
        return _refused("stale-generation", stale)
    if standing.open_tasks >= standing.places:
        return _refused("too-many-tasks", f"{standing.open_tasks} tasks are open here already", retriable=True)
    return None


def _refused(error_type: str, reason: str, *, step: Step = "refuse", retriable: bool = False) -> Admission:
    return Admission(step=step, error_type=error_type, reason=reason, retriable=retriable)
