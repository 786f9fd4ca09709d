"""Tar archives of one entry, as the engine's archive API wants and gives them.

Reading is bounded: an entry larger than the limit is never read into memory.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import IO, cast

from reconciler.errors import EngineRefused

FILE_MODE = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What lies at a path. ``content`` None: no regular file, or a larger one than was allowed; ``link`` is the
    target of a symbolic link, "" for anything else.
    """

    content: bytes | None = None
    link: str = ""
    directory: bool = False


def first_entry(stream: object, limit: int) -> Entry:
    """The first entry of an archive that is being received. Raises EngineRefused when it is damaged."""
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            member = archive.next()
            if member is None:
                raise EngineRefused("the engine sent an empty archive")
            if member.issym():
                return Entry(link=member.linkname)
            if member.isdir():
                return Entry(directory=True)
            file = archive.extractfile(member) if member.isreg() and member.size <= limit else None
            return Entry(content=file.read() if file else None)
    except tarfile.TarError as error:
        raise EngineRefused(f"the engine sent a damaged archive: {error}") from error


def file_archive(name: str, content: bytes, *, mtime: int) -> bytes:
    """An archive with one regular file, owned by root."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), FILE_MODE, mtime
    return _archive(entry, content)


def link_archive(name: str, target: str, *, mtime: int) -> bytes:
    """An archive with one symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, target, mtime
    return _archive(entry, b"")


def _archive(entry: tarfile.TarInfo, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
