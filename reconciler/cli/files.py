"""Files that a command writes or reads whole: atomic, bounded, with errors that name them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from reconciler.atomic import write_file
from reconciler.errors import InputError

LIMIT: Final = 16 * 1024 * 1024


def write_atomically(path: Path, text: str) -> None:
    """``replace`` with a text."""
    replace(path, text.encode())


def replace(path: Path, content: bytes) -> None:
    """Replace ``path`` so that a reader sees the old content or the new one, whole, also after a crash.

    Keeps mode and, for root, owner of a file that is there; writes through a link to the file it names. Raises
    InputError when the file is not writable, StateUnwritable when the folder is not.
    """
    place = path.resolve()
    before = place.stat() if place.exists() else None
    if before is not None and not os.access(place, os.W_OK, effective_ids=True):
        raise InputError(f"{path} is not writable")
    write_file(place, content, mode=stat.S_IMODE(before.st_mode) if before else 0o666 & ~_umask())
    if before is not None and os.geteuid() == 0:  # under sudo the file must stay its owner's
        os.chown(place, before.st_uid, before.st_gid)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
