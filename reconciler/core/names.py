"""Names of containers and keys of labels: the marks by which we know what is ours.

A name is only a check; containers are acted upon by id, found by label or in the history.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.desired import DesiredState

DOCUMENT = "stella.document"
TARGET = "stella.target"
RELEASE_ID = "stella.release.id"
RELEASE_NAME = "stella.release.name"
DIGEST = "stella.digest"
DEPLOYED_AT = "stella.deployed.at"
FINGERPRINT = "stella.fingerprint"
OWNER = "stella.owner"
GENERATION = "stella.generation"
OPERATION = "stella.operation"
FILES = "stella.files"
HOOK = "stella.hook"
COMMAND = "stella.command"
"""On the throw-away container of a command: the task that asked for it."""
SECRET = "stella.secret."  # noqa: S105  (the beginning of a label)
"""Before the name of a secret that the container has as a variable: which version of it that is."""
PREFIX = "stella."

_DIGITS = 18
"""No generation has more; Python refuses to read thousands of them."""
OF_TOOLS = (PREFIX, "com.docker.compose.")
"""Beginnings of labels that we or Compose add: never a difference."""


def next_name(container_name: str, generation: int) -> str:
    """Name of a container that was created and does not serve yet."""
    return f"{container_name}-next-g{generation}"


def previous_name(container_name: str, generation: int) -> str:
    """Name of a container that served until a newer one took over."""
    return f"{container_name}-previous-g{generation}"


def failed_name(container_name: str, generation: int) -> str:
    """Name of a container whose release failed; kept, stopped, for a look."""
    return f"{container_name}-failed-g{generation}"


def hook_name(document: str, hook: str, generation: int) -> str:
    """Name of the throw-away container of a hook."""
    return f"{document}-hook-{hook.lower()}-g{generation}"


def hook_labels(document: str, hook: str, *, owner: str, generation: int) -> Mapping[str, str]:
    """The labels by which a hook's container is found again, whoever was killed meanwhile."""
    return {DOCUMENT: document, OWNER: owner, GENERATION: str(generation), HOOK: hook}


def command_name(document: str, task: str) -> str:
    """Name of the throw-away container of a command."""
    return f"{document}-command-{task[:8]}"


def command_labels(task: str, *, owner: str) -> Mapping[str, str]:
    """The labels by which a command's container is found again. It is not one of its document's."""
    return {OWNER: owner, COMMAND: task}


def is_command(row_name: str, labels: Mapping[str, str], *, owner: str) -> bool:
    """Whether a container is one of a command of this installation."""
    task = labels.get(COMMAND, "")
    return bool(task) and labels.get(OWNER) == owner and row_name.endswith(f"-command-{task[:8]}")


def is_hook(row_name: str, labels: Mapping[str, str], *, document: str, owner: str) -> bool:
    """Whether a container is one of this document's hooks: by its labels, and the name that goes with them, which
    a copy of our labels cannot have at the same time.
    """
    generation = generation_of(labels, document=document, owner=owner)
    return generation > 0 and row_name == hook_name(document, labels.get(HOOK, ""), generation)


def generation_of(labels: Mapping[str, str], *, document: str, owner: str) -> int:
    """The generation in which this installation made something for the document, as its labels say; 0 where they
    say no such thing.
    """
    if labels.get(DOCUMENT) != document or labels.get(OWNER) != owner:
        return 0
    text = labels.get(GENERATION, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def made_elsewhere(labels: Mapping[str, str], *, document: str, owner: str) -> bool:
    """Whether the labels say that another installation made it for this document: another controller, or this one
    with the history that it had before.
    """
    return labels.get(DOCUMENT) == document and labels.get(OWNER, owner) != owner


def operation_id(owner: str, document: str, generation: int) -> str:
    """Names one operation; the same on every repetition of it."""
    return f"{owner}.{document}.{generation}"


def ownership_labels(desired: DesiredState, *, owner: str, generation: int) -> Mapping[str, str]:
    """The labels by which a container is found again. The time of deployment is added where it is created."""
    return {
        DOCUMENT: desired.name,
        TARGET: desired.target or "",
        RELEASE_ID: desired.release.id,
        RELEASE_NAME: desired.release.name,
        DIGEST: desired.image.digest,
        FINGERPRINT: desired.fingerprint,
        OWNER: owner,
        GENERATION: str(generation),
        OPERATION: operation_id(owner, desired.name, generation),
        **{f"{SECRET}{item.name}": item.short for item in desired.variables},
    }
