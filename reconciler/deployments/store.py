"""DeploymentStore: writes, switches and removes revisions; reading is ``reading``.

One writer at a time in a directory (the controller's). What is killed leaves the old state or the new one of each
file and of ``current``, and at most temporary files beside them, which the next write there removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler import folders
from reconciler.atomic import write_in
from reconciler.core.deployment import LOCK_FILE, MANIFEST_NAME
from reconciler.core.observation import DeploymentReading
from reconciler.deployments.folders import is_ours, make
from reconciler.deployments.reading import LARGEST, Reader, active_revision
from reconciler.errors import EngineRefused, NotFound, StateUnwritable
from reconciler.folders import opened, translated

_REVISIONS, _FILES, _CURRENT = "revisions", "files", "current"
_SECRET, _MOUNTED = 0o600, 0o644


class DeploymentStore:
    """The directories of all projects of this host."""

    def __init__(self) -> None:
        self._reader = Reader()

    def read(self, directory: str, paths: Sequence[str]) -> DeploymentReading:
        return self._reader.read(directory, paths)

    def write(self, directory: str, files: Mapping[str, bytes]) -> bool:
        wanted = {path: _parts(path) for path in files}
        written = [self._write(directory, wanted[path], content) for path, content in files.items()]
        return any(written)

    def activate(self, directory: str, fingerprint: str) -> bool:
        goal = f"{_REVISIONS}/{fingerprint}"
        with translated(f"activating {directory}/{goal}"):
            if not self._reader.digest(directory, f"{goal}/{MANIFEST_NAME}"):
                raise NotFound(f"{directory}/{goal} is not there, or not whole", hint="the next pass writes it")
            with opened(directory) as root:
                if active_revision(root) == fingerprint:
                    return False
                folders.clear_interrupted(root)
                _point(root, goal)
        return True

    def remove_revision(self, directory: str, fingerprint: str) -> bool:
        """Also raises EngineRefused for the active one."""
        with translated(f"removing revision {fingerprint[:12]} from {directory}"):
            try:
                with opened(directory) as root:
                    if active_revision(root) == fingerprint:
                        raise EngineRefused(f"revision {fingerprint[:12]} of {directory} is active")
                with opened(directory, _REVISIONS) as revisions:
                    folders.clear_interrupted(revisions)
                    gone = folders.discard(revisions, fingerprint)
                    needed = _needed(directory, revisions)
            except FileNotFoundError:
                return False
            _collect(directory, needed)
        return gone

    def remove(self, directory: str) -> bool:
        with translated(f"removing {directory}"):
            try:
                with opened(directory) as root, _unused(root, directory):
                    folders.clear_interrupted(root)
                    found = [_remove_link(root), *(_remove_own(root, name) for name in (_REVISIONS, _FILES))]
                    found.append(folders.remove_tree(root, LOCK_FILE))
            except FileNotFoundError:
                return False
            finally:
                self._reader.forget(directory)
            with folders.unless_filled():
                Path(directory).rmdir()
                found.append(True)
        return any(found)

    def _write(self, directory: str, parts: tuple[str, ...], content: bytes) -> bool:
        path = "/".join(parts)
        *above, name = parts
        if self._reader.digest(directory, path) == hashlib.sha256(content).hexdigest():
            return False
        with translated(f"writing {directory}/{path}"):
            make(directory, *above)
            with opened(directory, *above) as folder:
                folders.clear_interrupted(folder)
                folders.refuse_strange(folder, name, Path(directory) / path)
                mode = _MOUNTED if parts[0] == _FILES else _SECRET
                write_in(folder, Path(directory) / path, content, mode=mode)
        return True


def _parts(path: str) -> tuple[str, ...]:
    """Raises ValueError for a path that does not stay below: a mistake of the caller's."""
    parts = tuple(path.split("/"))
    if not all(parts) or {".", ".."} & set(parts):
        raise ValueError(f"not a path below a deployment directory: {path!r}")
    return parts


def _point(root: int, goal: str) -> None:
    """A fresh link, renamed over the old one. A folder or file of that name is not ours to replace."""
    with suppress(FileNotFoundError):
        if not stat.S_ISLNK(os.stat(_CURRENT, dir_fd=root, follow_symlinks=False).st_mode):
            raise EngineRefused(f"{_CURRENT} is no link", hint="it is left as it is; remove it by hand")
    fresh = f".{_CURRENT}.{secrets.token_hex(8)}.tmp"
    os.symlink(goal, fresh, dir_fd=root)
    os.replace(fresh, _CURRENT, src_dir_fd=root, dst_dir_fd=root)
    os.fsync(root)


def _remove_link(root: int) -> bool:
    """``current``, if it is a link: a folder or file of that name was never ours."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(_CURRENT, dir_fd=root, follow_symlinks=False).st_mode):
            return folders.remove_tree(root, _CURRENT)
    return False


def _remove_own(root: int, name: str) -> bool:
    """One of the two folders, without what others put into it: that stays, and so does the folder then. A link in
    its place is not ours.
    """
    try:
        folder = os.open(name, folders.BELOW, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        folders.clear_interrupted(folder)
        found = [folders.remove_tree(folder, item) for item in folders.names_in(folder) if is_ours(item)]
    finally:
        os.close(folder)
    with folders.unless_filled():
        os.rmdir(name, dir_fd=root)
        found.append(True)
    return any(found)


def _needed(directory: str, revisions: int) -> frozenset[str] | None:
    """Artifacts that the revisions need, as paths; None where one of them can't be read: then all are."""
    needed: set[str] = set()
    for name in filter(is_ours, folders.names_in(revisions)):
        manifest = _manifest(directory, name)
        if manifest is None:
            return None
        needed.update(manifest)
    return frozenset(needed)


def _manifest(directory: str, revision: str) -> list[str] | None:
    """The artifacts of one revision; none where it was never whole."""
    try:
        with opened(directory, _REVISIONS, revision) as folder:
            handle = os.open(MANIFEST_NAME, folders.READ, dir_fd=folder)
    except FileNotFoundError:
        return []
    with os.fdopen(handle, "rb") as file:
        try:
            return [str(path) for path in json.loads(file.read(LARGEST))["files"]]
        except (ValueError, KeyError, TypeError):
            return None


def _collect(directory: str, needed: frozenset[str] | None) -> None:
    """Remove artifacts that nobody needs, and their folders."""
    if needed is None:
        return
    kept = {path.split("/")[1] for path in needed if path.startswith(f"{_FILES}/")}
    with suppress(FileNotFoundError), opened(directory, _FILES) as files:
        for digest in filter(is_ours, folders.names_in(files)):
            if digest not in kept:
                folders.remove_tree(files, digest)


@contextmanager
def _unused(root: int, directory: str) -> Iterator[None]:
    """While nobody runs Compose in the directory. Raises StateUnwritable where somebody does."""
    try:
        handle = os.open(LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except OSError:
        yield  # no lock was ever taken here, or what is in its place is none
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StateUnwritable(f"Compose is at work in {directory}", hint="try again when it has ended") from error
    finally:
        os.close(handle)
