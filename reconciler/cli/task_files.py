"""The payload of an upload task, made of a folder. The orchestrator keeps each content first, by its digest."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from reconciler.cli.fleet_client import FleetClient
from reconciler.errors import InputError
from reconciler.folders import READ

MOST_FILES: Final = 256
LARGEST: Final = 4 << 20
"""Bytes of one file: as much as the orchestrator takes in a request."""


def upload_payload(folder: Path, directory: str, client: FleetClient) -> dict[str, Any]:
    """Raises InputError for what cannot be uploaded, and what the orchestrator answers."""
    paths = sorted(_files(folder))
    if not paths or len(paths) > MOST_FILES:
        raise InputError(f"{folder} has {len(paths)} files below it; a task takes 1 to {MOST_FILES}")
    return {"directory": directory, "files": [_kept(folder, path, client) for path in paths]}


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below it. Links would be something else on the other host."""
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink():
                raise InputError(f"{path} is a link, which is not uploaded", hint="put the file there")
        yield from (Path(place, name).relative_to(folder) for name in files)


def _kept(folder: Path, path: Path, client: FleetClient) -> dict[str, Any]:
    content, mode = _read(folder / path)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    client.keep(digest, content)
    return {"path": path.as_posix(), "sha256": digest, "sizeBytes": len(content), "mode": f"{mode & 0o777:04o}"}


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with os.fdopen(os.open(path, READ), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{path} is no regular file")
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"could not read {path}: {error.strerror}") from error
    if len(content) > LARGEST:
        raise InputError(f"{path} has more than {LARGEST} bytes, which the orchestrator does not take")
    return content, found.st_mode


def _unreadable(error: OSError) -> None:
    raise InputError(f"could not read {error.filename}: {error.strerror}") from error
