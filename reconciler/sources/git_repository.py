"""A Git repository, read as files: which commit is checked out, who wrote it, and which content a file has in it.

The program ``git`` is not run: it may not be there, and the configuration of a repository can make it run others.
What cannot be told is Unreadable. SHA-1 repositories with files as refs; others are Unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.sources.git_packs import DEEPEST, LIMIT, Object, Unreadable, from_pack, inflated

_ID: Final = re.compile(r"[0-9a-f]{40}")
_REF: Final = re.compile(r"refs/[A-Za-z0-9][\w.+@/-]*")
_SMALL: Final = 4096
_PACKED_REFS: Final = 8 * 1024 * 1024
_LINKS: Final = 5


@dataclass(frozen=True, slots=True)
class Commit:
    """``author`` as ``Name <address>``; ``tree`` is the id of the folder at the root."""

    id: str
    author: str
    tree: str


@dataclass(frozen=True, slots=True)
class Repository:
    """``root`` is the working tree, ``own`` its Git folder, ``common`` the one that it shares with others."""

    root: Path
    own: Path
    common: Path

    def head(self) -> str:
        """The id of the commit that is checked out."""
        name = "HEAD"
        for _ in range(_LINKS):
            text = self._ref(name)
            if _ID.fullmatch(text):
                return text
            name = text.removeprefix("ref: ").strip()
            if not _REF.fullmatch(name) or ".." in name:
                break
        raise Unreadable("HEAD names no commit")

    def commit(self, name: str) -> Commit:
        """A commit by its id."""
        kind, content = self.object(bytes.fromhex(name))
        head = content.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
        told = dict(reversed([line.split(" ", 1) for line in head if " " in line]))
        tree = told.get("tree", "")
        if kind != "commit" or not _ID.fullmatch(tree):
            raise Unreadable(f"{name} is no commit")
        return Commit(name, told.get("author", "").rsplit(" ", 2)[0], tree)

    def blob_id(self, tree: str, path: str) -> str:
        """The id of a file's content below a tree; "" where it is not in it."""
        *folders, file = path.split("/")
        for folder in folders:
            tree = self._entry(tree, folder)
            if not tree:
                return ""
        return self._entry(tree, file)

    def object(self, wanted: bytes, depth: int = 0) -> Object:
        """Kind and content of an object."""
        if depth > DEEPEST:
            raise Unreadable("deltas lie too deep")
        for store in self._stores():
            name = wanted.hex()
            loose = store / name[:2] / name[2:]
            if loose.is_file():
                return _loose(loose)
            for index in sorted(store.glob("pack/pack-*.idx")):
                found = from_pack(index, wanted, self.object, depth)
                if found is not None:
                    return found
        raise Unreadable(f"the object {wanted.hex()} is not here")

    def _stores(self) -> Iterator[Path]:
        store = self.common / "objects"
        yield store
        alternates = store / "info" / "alternates"
        if alternates.is_file():
            yield from (store / line for line in _read(alternates, _SMALL).splitlines() if line)

    def _entry(self, tree: str, name: str) -> str:
        kind, content = self.object(bytes.fromhex(tree))
        wanted, place = name.encode("utf-8", "surrogateescape"), 0
        while kind == "tree" and place < len(content):
            end = content.index(b"\0", place)
            if content[place:end].partition(b" ")[2] == wanted:
                return content[end + 1 : end + 21].hex()
            place = end + 21
        return ""

    def _ref(self, name: str) -> str:
        for folder in (self.own, self.common):
            if (folder / name).is_file():
                return _read(folder / name, _SMALL).strip()
        packed = _read(self.common / "packed-refs", _PACKED_REFS)
        found = re.search(rf"^([0-9a-f]{{40}}) {re.escape(name)}$", packed, re.MULTILINE)
        if found is None:
            raise Unreadable(f"{name} is not here")
        return found[1]


def repository_of(folder: Path) -> Repository | None:
    """The repository that a folder is checked out from; None where it is no checkout."""
    place = folder.resolve()
    for root in (place, *place.parents):
        git = root / ".git"
        if git.is_dir():
            return Repository(root, git, git)
        if git.is_file():
            own = root / _read(git, _SMALL).strip().removeprefix("gitdir: ")
            shared = own / "commondir"
            common = own / _read(shared, _SMALL).strip() if shared.is_file() else own
            return Repository(root, own, common)
    return None


def _read(path: Path, limit: int) -> str:
    with path.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise Unreadable(f"{path} is too large")
    return content.decode("utf-8", "replace")


def _loose(path: Path) -> Object:
    with path.open("rb") as stream:
        content = inflated(stream.read(LIMIT))
    head, _, body = content.partition(b"\0")
    return head.partition(b" ")[0].decode("ascii", "replace"), body
