"""What an agent may be asked for: its host's own to say; nothing that the orchestrator sends changes it. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from reconciler.core.policy_paths import normal, within
from reconciler.protocol.message.common import TaskType
from reconciler.protocol.message.payload import DeployPayload, ExecuteCommandPayload, UploadFilesPayload
from reconciler.protocol.message.task import AgentTask

BY_DEFAULT: Final[frozenset[TaskType]] = frozenset(
    {"deploy", "rollback", "health-check", "inspect", "write-sticker", "read-sticker"}
)
"""All but what runs commands or writes files of the sender's choice."""

UNSIGNED: Final = "it is not signed, which the agent's policy wants"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCommand:
    """A command that tasks may name: what is run stands here alone. ``arguments``: how many a task may add.
    ``place``: in the document's container, or in a throw-away one of the same image, which has no network or the
    container's. ``documents`` are those that it may be about, all where none is named.
    """

    argv: tuple[str, ...]
    arguments: int = 0
    longest_seconds: int = 300
    place: Literal["container", "sandbox"] = "container"
    network: Literal["none", "container"] = "none"
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPolicy:
    """``commands`` by name. ``upload_roots`` are normal paths below which files may be written. ``signed``: tasks
    and documents without a signature are refused.
    """

    task_types: frozenset[TaskType] = BY_DEFAULT
    commands: Mapping[str, NamedCommand] = field(default_factory=dict)
    upload_roots: tuple[str, ...] = ()
    upload_bytes: int = 64 << 20
    artifact_bytes: int = 16 << 20
    longest_seconds: int = 3_600
    signed: bool = False


def refusal(task: AgentTask, policy: AgentPolicy) -> str:
    """Why this host's policy does not allow the task; "" when it does."""
    if task.type not in policy.task_types:
        return f"tasks of type {task.type} are not allowed here: taskTypes of the agent's policy does not name it"
    if task.timeout_seconds > policy.longest_seconds:
        return f"it may take {task.timeout_seconds} s; the agent's policy allows {policy.longest_seconds}"
    if policy.signed and task.signature is None:
        return UNSIGNED
    return _asked(task, policy)


def _asked(task: AgentTask, policy: AgentPolicy) -> str:
    payload = task.payload
    match payload:
        case ExecuteCommandPayload():
            return _command(task, payload, policy)
        case UploadFilesPayload():
            return _upload(payload, policy)
        case DeployPayload():
            size = sum(item.size_bytes for item in payload.artifacts)
            return _larger(size, policy.artifact_bytes, "its artifacts have")
        case _:
            return ""


def _command(task: AgentTask, payload: ExecuteCommandPayload, policy: AgentPolicy) -> str:
    command = policy.commands.get(payload.command)
    if command is None:
        return f"no command {payload.command} is named in the agent's policy"
    if len(payload.arguments) > command.arguments:
        return f"the command {payload.command} takes {command.arguments} arguments of a task at most"
    if command.documents and task.document not in command.documents:
        return f"the command {payload.command} is not for {task.document}"
    if task.timeout_seconds > command.longest_seconds:
        return f"the command {payload.command} may take {command.longest_seconds} s at most"
    return ""


def _upload(payload: UploadFilesPayload, policy: AgentPolicy) -> str:
    folder = normal(payload.directory)
    if folder != payload.directory or not any(within(folder, root) for root in policy.upload_roots):
        return "its folder lies below none of the uploadRoots of the agent's policy"
    for file in payload.files:
        if posixpath.normpath(file.path) != file.path or file.path.split("/")[0] in {"..", "."}:
            return "a file's path is not one below the folder, written without detours"
    return _larger(sum(item.size_bytes for item in payload.files), policy.upload_bytes, "its files have")


def _larger(size: int, most: int, what: str) -> str:
    return f"{what} {size} bytes; the agent's policy allows {most}" if size > most else ""
