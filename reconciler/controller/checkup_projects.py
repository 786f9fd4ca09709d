"""Check-up of what Compose projects need of this host: the program, and a place for their files.

Looks only where a document asks for a project. Changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from reconciler.controller.checkup import Finding
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Compose
from reconciler.errors import ReconcilerError

ROOT = Path("/")
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""Files that engines put into containers: moby ``daemon/initlayer``, podman ``libpod/container_internal``."""


def in_container() -> bool:
    """Whether this process runs in a container of Docker or Podman."""
    return any(mark.exists() for mark in _MARKS)


def check_projects(
    compose: Compose,
    documents: Iterable[DesiredState],
    *,
    contained: Callable[[], bool] = in_container,
    writable: Callable[[Path], bool] = lambda folder: os.access(folder, os.W_OK | os.X_OK),
) -> tuple[Finding, ...]:
    """``contained``: whether this controller runs in a container; ``writable``: whether a folder takes files."""
    found = {item.name: item.project for item in documents if item.project is not None}
    if not found:
        return ()
    inside = contained()
    places = (
        finding
        for name, project in sorted(found.items())
        for finding in _place(name, project.directory, inside=inside, writable=writable)
    )
    return (_program(compose), *places)


def _program(compose: Compose) -> Finding:
    try:
        return Finding("ok", "compose", f"Docker Compose {compose.version()}")
    except ReconcilerError as error:
        return Finding("error", "compose", error.message, error.hint or "install Docker Compose v2")


def _place(document: str, directory: str, *, inside: bool, writable: Callable[[Path], bool]) -> Iterator[Finding]:
    there = _nearest(Path(directory))
    subject = f"deployment directory of {document}"
    if not there.is_dir():
        yield Finding(
            "error",
            subject,
            f"{there} is no folder",
            "move it away, or name another spec.config.deploymentDirectory",
        )
    elif not writable(there):
        yield Finding(
            "error",
            subject,
            f"{there} cannot be written to",
            "mount it for writing, or name another spec.config.deploymentDirectory",
        )
    elif inside and there.stat().st_dev == ROOT.stat().st_dev:
        yield Finding(
            "error",
            subject,
            f"the controller runs in a container, and {directory} is in there instead of on the host",
            f"mount the host's folder at the same path: -v {directory}:{directory}",
        )
    else:
        yield Finding("ok", subject, directory)


def _nearest(path: Path) -> Path:
    """The path itself, or whichever folder above it is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists() or folder.is_symlink())
