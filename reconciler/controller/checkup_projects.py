"""Check-up of what Compose projects need of this host: the program, and a place for their files.

Looks only where a document asks for a project. Changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from reconciler.controller.checkup import Finding
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Compose, Engine
from reconciler.errors import ReconcilerError

ROOT = Path("/")
_MOUNTS = Path("/proc/self/mountinfo")
_OF_THE_ENGINE = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""Files that an engine mounts into each container, from a folder that bears the container's id (proc(5) for the
fields; moby ``container.NetworkMounts``).
"""


def in_container_of(engine: Engine) -> bool:
    """Whether this process runs in a container of this engine; False where the engine cannot be asked."""
    try:
        ids = {row.id for row in engine.list_containers()}
    except ReconcilerError:  # the check-up of the engine tells that
        return False
    entries = (line.split() for line in _MOUNTS.read_text().splitlines())
    sources = {entry[3] for entry in entries if entry[4] in _OF_THE_ENGINE}
    return any(part in ids for source in sources for part in source.split("/"))


def check_projects(
    compose: Compose,
    engine: Engine,
    documents: Iterable[DesiredState],
    *,
    contained: Callable[[Engine], bool] = in_container_of,
    writable: Callable[[Path], bool] = lambda folder: os.access(folder, os.W_OK | os.X_OK),
) -> tuple[Finding, ...]:
    """``contained``: whether we run in a container of the engine; ``writable``: whether a folder takes files."""
    found = {item.name: item.project for item in documents if item.project is not None}
    if not found:
        return ()
    inside = contained(engine)
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
