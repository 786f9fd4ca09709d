"""What a session asks of whoever runs it: keep this, begin that, tell somebody.

A Step is carried out in this order: what is to be kept is kept, durably; then the rest of the events; then the
messages go out. So nothing is promised that could be forgotten, and a lost message is only sent again. Several
Steps may be kept at once, in their order; what ``may_wait`` with the next of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.protocol.fence import Fence
from reconciler.protocol.inbox import Entry
from reconciler.protocol.message.common import Message, SetPosition
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import CloseReason, DocumentReport, Hello, TaskReport


@dataclass(frozen=True, slots=True)
class KeepTask:
    """Agent: keep this entry of the inbox, in place of the one with its key."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class ForgetTask:
    """Agent: the entry with this key is not needed any more."""

    key: str


@dataclass(frozen=True, slots=True)
class TakeWish:
    """Agent: what this task has brought is wished for from now on; nothing where that is so already."""

    task_id: str


@dataclass(frozen=True, slots=True)
class KeepFence:
    """Agent: what the fence says of this document from now on: it stays when the document goes."""

    document: str
    fence: Fence


@dataclass(frozen=True, slots=True)
class KeepDocument:
    """Agent: this is what is wished for, from now on."""

    document: AssignedDocument


@dataclass(frozen=True, slots=True)
class DropDocument:
    """Agent: this document is no longer assigned. What becomes of its containers is for others to decide."""

    document: str


@dataclass(frozen=True, slots=True)
class KeepPosition:
    """Agent: so far the assignments are held."""

    position: SetPosition


@dataclass(frozen=True, slots=True)
class Begin:
    """Agent: begin this task. ``deadline`` in ticks. ``again``: it was cut off, and is safe to begin anew."""

    entry: Entry
    deadline: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Agent: end this task's work before its point of no return; nobody wants it any more."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Agent: something that came was not taken. For log, metric and audit."""

    what: Literal["task", "document", "message"]
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The session has begun."""

    session: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over, or did not begin: the link is to be closed."""

    reason: CloseReason
    message: str
    retry_after_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Began:
    """Orchestrator: this agent has begun a session."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Alive:
    """Orchestrator: the agent was heard of just now. ``clock_offset_ms`` is what it reckons."""

    agent: str
    position: SetPosition
    free_places: int
    clock_offset_ms: int | None


@dataclass(frozen=True, slots=True)
class Reported:
    """Orchestrator: how far a task is. Whether it is this agent's, whoever keeps it has to look."""

    report: TaskReport


@dataclass(frozen=True, slots=True)
class DocumentsReported:
    """Orchestrator: all that the agent holds, and what became of it."""

    documents: tuple[DocumentReport, ...]


@dataclass(frozen=True, slots=True)
class AgentAhead:
    """Orchestrator: the agent holds a later generation than is known here: somebody put back a store."""

    document: str
    agents: int
    ours: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Orchestrator: keep this result. It may be kept already; whether the task is this agent's, whoever keeps it
    has to look.
    """

    result: TaskResult


@dataclass(frozen=True, slots=True)
class Logged:
    """Orchestrator: keep this piece of a task's log, and that ``next`` is wanted then."""

    task_id: str
    attempt: int
    text: str
    next: int
    dropped_chunks: int
    last: bool


Event = (
    KeepTask
    | ForgetTask
    | TakeWish
    | KeepFence
    | KeepDocument
    | DropDocument
    | KeepPosition
    | Begin
    | Stop
    | Refused
    | Opened
    | Closed
    | Began
    | Alive
    | Reported
    | DocumentsReported
    | AgentAhead
    | Finished
    | Logged
)


def may_wait(event: Event) -> bool:
    """Whether this may be kept later than what follows from it: forgotten, it only comes again. A position alone
    says of no task or document that it has come.
    """
    match event:
        case KeepTask():
            return event.entry.acknowledged
        case ForgetTask() | KeepPosition():
            return True
        case _:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows from a message or a moment. ``wake``: ticks at which to come again at the latest."""

    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()
    wake: float | None = None
