"""The agent's policy: a file of this host that says what an orchestrator may ask of it.

Nothing that comes over the network changes it. It is held to the strict YAML of documents, and trusted only where
it is root's, or belongs to who runs the agent, and nobody else can write to it. Read once, at the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_args

from reconciler.agent.policy_commands import read_commands
from reconciler.core.policy_paths import normal, within
from reconciler.errors import InvalidSettings
from reconciler.host_file import WRITING, Untrusted, read_trusted
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.message.common import TaskType
from reconciler.spec.yaml_tree import MAX_BYTES, read_trees

KEY_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsWord:
    """What the host's policy says. ``keys``: of those who may sign, as PEM. ``signed``: None where it is not said;
    then signatures are wanted wherever keys are known.
    """

    policy: AgentPolicy = field(default_factory=AgentPolicy)
    keys: tuple[bytes, ...] = ()
    signed: bool | None = None

    def with_keys(self, *, known: bool) -> AgentPolicy:
        """What is in force where keys are known, or are not."""
        return replace(self.policy, signed=known if self.signed is None else self.signed)


def read_agent_policy(path: Path, *, needed: bool, places: Iterable[Path] = ()) -> HostsWord:
    """What the file says; the built-in one where there is none and none is ``needed``. ``places``: folders and
    files of the host below or above which nothing is uploaded. Raises InvalidSettings.
    """
    if not needed and not os.path.lexists(path):
        return HostsWord()
    trees, problems = read_trees(_content(path, "the agent's policy", MAX_BYTES), str(path))
    if problems:
        raise InvalidSettings("the agent's policy is wrong:\n" + "\n".join(map(str, problems)))
    if len(trees) != 1 or not isinstance(trees[0].root.value, dict):
        raise InvalidSettings(f"the agent's policy {path} is not one YAML document with keys")
    word = _read(path, trees[0].root.value)
    _keep_apart(path, word.policy, (path, *places))
    return word


def _keep_apart(path: Path, policy: AgentPolicy, places: Iterable[Path]) -> None:
    """Who could upload there would say what may be asked."""
    own = {str(found) for place in places for found in (normal(str(place.absolute())), place.resolve())}
    for root in policy.upload_roots:
        for place in sorted(own):
            if any(within(place, found) or within(found, place) for found in (root, str(Path(root).resolve()))):
                _wrong(path, "uploadRoots", f"names {root}, and {place} is the program's own")
    if "upload-files" in policy.task_types and not policy.upload_roots:
        _wrong(path, "taskTypes", "names upload-files, and uploadRoots no folder")
    if "execute-command" in policy.task_types and not policy.commands:
        _wrong(path, "taskTypes", "names execute-command, and commands none")


def _read(path: Path, said: Mapping[str, Any]) -> HostsWord:
    unknown = sorted(said.keys() - {"version", "keys", "signed", *_KEYS})
    if unknown:
        _wrong(path, unknown[0], f"is not known; known are {', '.join(('version', 'keys', 'signed', *_KEYS))}")
    if str(said.get("version")) != "1":
        _wrong(path, "version", "must be 1, which is the only version there is")
    found = {}
    for key, (attribute, reader) in _KEYS.items():
        if key in said:
            try:
                found[attribute] = reader(said[key])
            except ValueError as error:
                _wrong(path, key, str(error))
    keys = _paths(path, said.get("keys", []))
    signed = said.get("signed")
    if signed is not None and not isinstance(signed, bool):
        _wrong(path, "signed", "must be true or false")
    content = tuple(_content(Path(item), "the key", KEY_BYTES) for item in keys)
    return HostsWord(policy=AgentPolicy(**found), keys=content, signed=signed)


def _paths(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.startswith("/") for item in value):
        _wrong(path, "keys", "must be a list of absolute paths of public keys")
    return tuple(value)


def _types(value: Any) -> frozenset[TaskType]:
    known = get_args(TaskType)
    if not isinstance(value, list) or not all(item in known for item in value):
        raise ValueError(f"must be a list of {', '.join(known)}")
    return frozenset(value)


def _roots(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of absolute paths of folders")
    for item in value:
        if normal(item) != item or item == "/":
            raise ValueError(f"names {item!r}; a folder's absolute path is wanted, without detours, and not /")
    return tuple(value)


def _seconds(value: Any) -> int:
    return _whole(value, most=86_400)


def _bytes(value: Any) -> int:
    return _whole(value, most=1 << 40)


def _whole(value: Any, *, most: int) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= most:
        raise ValueError(f"must be a whole number from 1 to {most}")
    return int(text)


def _content(path: Path, what: str, limit: int) -> bytes:
    try:
        return read_trusted(path, forbidden=WRITING, limit=limit, uid=os.geteuid())
    except FileNotFoundError:
        raise InvalidSettings(f"{what} {path} is not there") from None
    except Untrusted as error:
        raise InvalidSettings(f"{what} is not used: {error}", hint=error.hint) from error


def _wrong(path: Path, key: str, message: str) -> None:
    raise InvalidSettings(f"the agent's policy is wrong: {path}: {key} {message}")


_KEYS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "taskTypes": ("task_types", _types),
    "longestSeconds": ("longest_seconds", _seconds),
    "artifactBytes": ("artifact_bytes", _bytes),
    "commands": ("commands", read_commands),
    "uploadRoots": ("upload_roots", _roots),
    "uploadBytes": ("upload_bytes", _bytes),
}
