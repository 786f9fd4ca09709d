"""Deployment directories in memory, with a death at any step on demand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.deployment import LOCK_FILE, MANIFEST_NAME
from reconciler.core.observation import DeploymentReading
from reconciler.errors import EngineRefused, NotFound


@dataclass(slots=True)
class Directory:
    files: dict[str, bytes] = field(default_factory=dict)
    active: str = ""


class MemoryDeployments:
    """``directories`` are free for tests to look at. ``fail_change`` lets a later change fail; a BaseException
    plays the controller's death. ``problems`` by directory make it unreadable.
    """

    def __init__(self) -> None:
        self.directories: dict[str, Directory] = {}
        self.problems: dict[str, str] = {}
        self.changes = 0
        self._faults: dict[int, BaseException] = {}

    def read(self, directory: str, paths: Sequence[str]) -> DeploymentReading:
        if directory in self.problems:
            return DeploymentReading(problem=self.problems[directory])
        found = self.directories.get(directory, Directory())
        digests = {path: _digest(found.files[path]) for path in paths if path in found.files}
        return DeploymentReading(active=found.active, digests=digests)

    def write(self, directory: str, files: Mapping[str, bytes]) -> bool:
        for path in files:
            if not all(path.split("/")) or {".", ".."} & set(path.split("/")):
                raise ValueError(f"not a path below a deployment directory: {path!r}")
        found = self.directories.setdefault(directory, Directory())
        different = [path for path, content in files.items() if found.files.get(path) != content]
        for path in different:
            self._change()
            found.files[path] = files[path]
        return bool(different)

    def activate(self, directory: str, fingerprint: str) -> bool:
        found = self.directories.get(directory, Directory())
        if f"revisions/{fingerprint}/{MANIFEST_NAME}" not in found.files:
            raise NotFound(f"{directory}/revisions/{fingerprint} is not there, or not whole")
        if found.active == fingerprint:
            return False
        self._change()
        found.active = fingerprint
        return True

    def remove_revision(self, directory: str, fingerprint: str) -> bool:
        found = self.directories.get(directory)
        if found is None:
            return False
        if found.active == fingerprint:
            raise EngineRefused(f"revision {fingerprint[:12]} of {directory} is active")
        own = [path for path in found.files if path.startswith(f"revisions/{fingerprint}/")]
        if own:
            self._change()
        for path in own:
            del found.files[path]
        self._collect(found)
        return bool(own)

    def remove(self, directory: str) -> bool:
        found = self.directories.get(directory)
        if found is None:
            return False
        own = [path for path in found.files if path.startswith(("revisions/", "files/")) or path == LOCK_FILE]
        changes = bool(own or found.active or not found.files)
        if changes:
            self._change()
        found.active = ""
        for path in own:
            del found.files[path]
        if not found.files:
            del self.directories[directory]
        return changes

    # The tests' side.

    def put(self, directory: str, path: str, content: bytes) -> None:
        """A person writes a file."""
        self.directories.setdefault(directory, Directory()).files[path] = content

    def drop(self, directory: str, path: str) -> None:
        """A person removes a file."""
        del self.directories[directory].files[path]

    def content(self, path: str) -> bytes:
        """A file by its absolute path. Raises LookupError."""
        for directory, found in self.directories.items():
            if path.startswith(f"{directory}/") and path.removeprefix(f"{directory}/") in found.files:
                return found.files[path.removeprefix(f"{directory}/")]
        raise LookupError(f"no file {path}")

    def fail_change(self, number: int, error: BaseException) -> None:
        """Let the change ``number`` from now (1: the next) fail before it takes place."""
        self._faults[self.changes + number] = error

    def _change(self) -> None:
        self.changes += 1
        if self.changes in self._faults:
            raise self._faults.pop(self.changes)

    def _collect(self, found: Directory) -> None:
        needed: set[str] = set()
        for path, content in found.files.items():
            if path.startswith("revisions/") and path.endswith(f"/{MANIFEST_NAME}"):
                try:
                    needed.update(json.loads(content)["files"])
                except (ValueError, KeyError, TypeError):
                    return
        for path in [path for path in found.files if path.startswith("files/") and path not in needed]:
            self._change()
            del found.files[path]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
