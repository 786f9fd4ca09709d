"""Every kind of message, and who may send it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.protocol.message.common import Message
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.result import Acknowledgement, LogChunk, TaskResult
from reconciler.protocol.message.session import (
    Assignments,
    Close,
    Heartbeat,
    HeartbeatAnswer,
    Hello,
    Ping,
    Pong,
    Welcome,
)
from reconciler.protocol.message.task import AgentTask

OF_AGENTS: Final = (Hello, Heartbeat, TaskResult, LogChunk, Ping, Pong, Close)
OF_ORCHESTRATORS: Final = (Welcome, HeartbeatAnswer, Assignments, Acknowledgement, Ping, Pong, Close)
ITEMS: Final = (AgentTask, AssignedDocument)
"""What stands within assignments, and never alone."""

KINDS: Final[Mapping[str, type[Message]]] = {kind.KIND: kind for kind in (*OF_AGENTS, *OF_ORCHESTRATORS, *ITEMS)}
