"""Several files below one folder of this host that get their content as one: all of them, or none.

No link is followed below the root that the agent's policy names; what is in the way is refused, never replaced.
Each file is whole and durable beside its place before the first is put there. Where one cannot be, those before
it are put back. A kill in the midst of it leaves some in their places and the others as they were, each whole;
the same task, begun again, brings the rest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from reconciler.atomic import passing_name, prepared, remove_left_behind
from reconciler.errors import EngineRefused
from reconciler.folders import OPEN, READ, make_below, opened, translated

PIECE: Final = 1 << 20
Handles = Mapping[tuple[str, ...], int]
"""Open folders, by the parts that lead to them from the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One file, by its path below the folder."""

    path: str
    sha256: str
    size_bytes: int
    mode: int

    @property
    def above(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[:-1])

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class _Ready:
    """One that lies beside its place, in an open folder. ``former``: another name of what is there, "" for
    nothing.
    """

    folder: int
    name: str
    temporary: str
    former: str

    def switch(self) -> None:
        os.replace(self.temporary, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)

    def put_back(self) -> None:
        if self.former:
            os.replace(self.former, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        else:
            os.unlink(self.name, dir_fd=self.folder)


@dataclass(frozen=True, slots=True)
class FileSet:
    """``parts`` lead from the root to the folder. The root itself must be there: it is the host's to make."""

    root: str
    parts: tuple[str, ...]

    def differing(self, files: Iterable[Wanted]) -> tuple[Wanted, ...]:
        """Those that are not there as they are wanted. Raises EngineRefused, StateUnwritable."""
        if not Path(self.root).is_dir():
            raise EngineRefused(f"the folder {self.root} of uploadRoots is not there", hint="make it")
        return tuple(file for file in files if not self._is_there(file))

    def put(self, contents: Mapping[Wanted, BinaryIO]) -> None:
        """Have all of these, durably, or none. Raises EngineRefused, StateUnwritable."""
        made: list[tuple[str, ...]] = []
        with translated(f"writing below {self._path()}"):
            try:
                self._put(contents, made)
            except BaseException:
                self._remove(made)
                raise

    def _put(self, contents: Mapping[Wanted, BinaryIO], made: list[tuple[str, ...]]) -> None:
        with ExitStack() as stack:
            folders = dict.fromkeys((*self.parts, *file.above) for file in contents)
            for parts in folders:
                self._make(parts, made)
            handles = {parts: stack.enter_context(opened(self.root, *parts)) for parts in folders}
            ready = [self._prepare(file, content, handles, stack) for file, content in contents.items()]
            _switch(ready, handles.values())

    def _is_there(self, file: Wanted) -> bool:
        with translated(f"looking at {self._path(file.path)}"):
            try:
                with opened(self.root, *self.parts, *file.above) as folder:
                    remove_left_behind(folder, file.name)
                    handle = os.open(file.name, READ, dir_fd=folder)
            except FileNotFoundError:
                return False
            with os.fdopen(handle, "rb") as found:
                standing = os.fstat(handle)
                if not stat.S_ISREG(standing.st_mode):
                    raise EngineRefused(f"{self._path(file.path)} is no regular file", hint="remove it by hand")
                if (stat.S_IMODE(standing.st_mode), standing.st_size) != (file.mode, file.size_bytes):
                    return False
                return f"sha256:{hashlib.file_digest(found, 'sha256').hexdigest()}" == file.sha256

    def _make(self, parts: tuple[str, ...], made: list[tuple[str, ...]]) -> None:
        for depth, part in enumerate(parts):
            with opened(self.root, *parts[:depth]) as parent:
                if make_below(parent, part, mode=OPEN):
                    made.append(parts[: depth + 1])

    def _remove(self, made: Sequence[tuple[str, ...]]) -> None:
        for *above, name in reversed(made):
            with suppress(OSError), opened(self.root, *above) as parent:  # somebody else uses it meanwhile
                os.rmdir(name, dir_fd=parent)

    def _prepare(self, file: Wanted, content: BinaryIO, handles: Handles, stack: ExitStack) -> _Ready:
        folder, path = handles[(*self.parts, *file.above)], self._path(file.path)
        content.seek(0)
        owner = _owner(folder, file.name)
        beside = prepared(folder, path, content, mode=file.mode, owner=owner)
        temporary = stack.enter_context(beside)
        return _Ready(folder, file.name, temporary, _keep(folder, file.name, stack))

    def _path(self, path: str = "") -> Path:
        return Path(self.root, *self.parts, path)


def below(directory: str, root: str) -> tuple[str, ...]:
    """The parts from a root to a folder in it; both normal."""
    return tuple(filter(None, directory.removeprefix(root).split("/")))


def _owner(folder: int, name: str) -> tuple[int, int] | None:
    """Whose the file is that is replaced, where this program may give the new one to them."""
    if os.geteuid() != 0:
        return None
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid


def _keep(folder: int, name: str, stack: ExitStack) -> str:
    """Another name of what is there now, for as long as it may have to be put back; "" where nothing is."""
    former = passing_name(name)
    try:
        os.link(name, former, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return ""
    stack.callback(_unlink, former, folder)
    return former


def _unlink(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _switch(ready: Sequence[_Ready], folders: Collection[int]) -> None:
    done: list[_Ready] = []
    try:
        for item in ready:
            item.switch()
            done.append(item)
        for folder in folders:
            os.fsync(folder)
    except BaseException:
        for item in reversed(done):
            item.put_back()
        raise
