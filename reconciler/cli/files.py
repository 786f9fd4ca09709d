"""Files that a command writes or reads whole: atomic, bounded, with errors that name them."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from reconciler.errors import InputError

LIMIT: Final = 16 * 1024 * 1024


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` so that a reader sees the old text or the new one, whole, also after a crash.

    Keeps mode and owner of a file that is there, and writes through a link to the file it names. Raises
    InputError when the folder or the file cannot be written.
    """
    place = path.resolve()
    try:
        if place.exists() and not os.access(place, os.W_OK):
            raise InputError(f"{path} is not writable")
        _replace(place, text)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}", hint="is its folder writable?") from error


def read_bounded(path: Path, *, limit: int = LIMIT) -> str:
    """The text of a regular file. Raises InputError when it is missing, too large or not UTF-8."""
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise InputError(f"{path} is larger than {limit} bytes")
        return content.decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8") from error


def _replace(place: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".tmp", dir=place.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            _copy_mode(place, descriptor)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _copy_mode(place: Path, descriptor: int) -> None:
    try:
        before = place.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
        return
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, before.st_uid, before.st_gid)
