"""Entry: one task in an agent's durable inbox. The key of a task leads to what was asked and what came of it.

States go accepted, running, then the end with its result. An entry is kept until its end is acknowledged and a
repeat of it could not be taken any more (it would be expired): so the same request, however often and however late
it comes, has one effect. What is not the same request under a known key is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from reconciler.protocol.message.common import TaskState
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import TaskReport
from reconciler.protocol.message.task import RESUMED, AgentTask
from reconciler.protocol.reading import as_value, read_item
from reconciler.protocol.states import ENDS, is_over

CancelAnswer = Literal["noted", "too-late"]
MARGIN: Final = timedelta(hours=1)
"""How long an entry is kept after its task's end, for clocks that are wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``number`` counts what was accepted. ``past_no_return``: its effect can no longer be left undone."""

    task: AgentTask
    number: int
    state: TaskState = "accepted"
    past_no_return: bool = False
    cancel: CancelAnswer | None = None
    started_at: datetime | None = None
    result: TaskResult | None = None
    acknowledged: bool = False

    @property
    def over(self) -> bool:
        return is_over(self.state)

    @property
    def report(self) -> TaskReport:
        """What heartbeats say of it."""
        return TaskReport(
            task_id=self.task.id,
            attempt=self.task.attempt,
            state=self.state,
            past_no_return=self.past_no_return,
            cancel=self.cancel,
            result_digest=self.result.key.result_digest if self.result else None,
        )

    def forgettable(self, server_time: datetime) -> bool:
        """Whether nobody can ask for it again: its end is known there, and a repeat would be expired here."""
        return self.over and self.acknowledged and server_time > self.task.expires_at + MARGIN

    @property
    def resumes(self) -> bool:
        """Whether its work, if it was cut off, may be begun once more."""
        return self.task.type in RESUMED


def began(entry: Entry, at: datetime) -> Entry:
    """Work on it begins, or goes on after a restart."""
    return entry if entry.over else replace(entry, state="running", started_at=entry.started_at or at)


def passed(entry: Entry) -> Entry:
    """It goes past its point of no return; who wants to cancel it comes too late from now on."""
    return replace(entry, past_no_return=True) if entry.state == "running" else entry


def asked_to_cancel(entry: Entry) -> Entry:
    """The orchestrator does not want it any more."""
    if entry.over or entry.cancel:
        return entry
    return replace(entry, cancel="too-late" if entry.past_no_return else "noted")


def ended(entry: Entry, result: TaskResult) -> Entry:
    """With its result, without its credentials. A definite end stays; ``unknown`` gives way to one."""
    if entry.over and entry.state != "unknown":
        return entry
    task = replace(entry.task, credentials=None)
    return replace(entry, task=task, state=ENDS[result.outcome], result=result, acknowledged=False)


def asked_again(entry: Entry, task: AgentTask) -> Entry:
    """The same request came once more, perhaps under another id or as another try: it is answered as that."""
    result = entry.result and replace(entry.result, task_id=task.id, attempt=task.attempt)
    task = replace(task, credentials=None) if entry.over else task
    return replace(entry, task=task, result=result, acknowledged=entry.acknowledged and result == entry.result)


def entry_value(entry: Entry) -> dict[str, Any]:
    """As JSON, for the agent's store. Sealed credentials are in it as they came."""
    return {
        "task": as_value(entry.task),
        "number": entry.number,
        "state": entry.state,
        "pastNoReturn": entry.past_no_return,
        "cancel": entry.cancel,
        "startedAt": entry.started_at and entry.started_at.isoformat(),
        "result": entry.result and as_value(entry.result),
        "acknowledged": entry.acknowledged,
    }


def read_entry(value: dict[str, Any]) -> Entry:
    """What ``entry_value`` wrote. Raises MessageRefused where task or result are not what they were."""
    return Entry(
        task=read_item(value["task"], AgentTask),
        number=value["number"],
        state=value["state"],
        past_no_return=value["pastNoReturn"],
        cancel=value["cancel"],
        started_at=datetime.fromisoformat(value["startedAt"]) if value["startedAt"] else None,
        result=read_item(value["result"], TaskResult) if value["result"] else None,
        acknowledged=value["acknowledged"],
    )
