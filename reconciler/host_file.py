"""A file of this host that is trusted only where it is root's, or belongs to whoever runs this program.

Leaves to others what is in it, and how much of it others may do (``forbidden``, bits of its mode).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

ANYTHING: Final = stat.S_IRWXG | stat.S_IRWXO
WRITING: Final = stat.S_IWGRP | stat.S_IWOTH


class Untrusted(Exception):
    """The file is not used; the text says why, ``hint`` what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_trusted(path: Path, *, forbidden: int, limit: int, uid: int) -> bytes:
    """The whole content. Raises FileNotFoundError; Untrusted for all else that keeps it from being used."""
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            _trust(path, os.fstat(stream.fileno()), forbidden=forbidden, uid=uid)
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Untrusted(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise Untrusted(f"{path} is larger than {limit // 1024} KiB")
    return content


def _trust(path: Path, found: os.stat_result, *, forbidden: int, uid: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Untrusted(f"{path} is not a regular file")
    if found.st_uid not in {0, uid}:
        raise Untrusted(
            f"{path} is not used: it belongs to user {found.st_uid}, who can change it", hint=f"chown {uid} {path}"
        )
    if found.st_mode & forbidden == 0:
        return
    if forbidden == WRITING:
        raise Untrusted(f"{path} is not used: others than its owner can change it", hint=f"chmod go-w {path}")
    raise Untrusted(
        f"{path} is not used: others than its owner can read or change it",
        hint=f"chmod 600 {path}; if others may have read it, make a new key and rotate the secrets",
    )


def _without_waiting(path: str, flags: int) -> int:
    """A pipe in the file's place must not make us wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
