"""What ``doctor`` looks at beside the service: keys, logins, folders, the address to listen on, clock, disk.

Each look is a function of the settings that gives findings. Nothing is changed; what is secret is opened to see
that it can be, and told to nobody.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler import __version__
from reconciler.cli.doctor_bridges import bridge_findings
from reconciler.cli.doctor_channels import channel_findings
from reconciler.compose.client import DockerCompose
from reconciler.config import Settings
from reconciler.controller.checkup import Finding, Level
from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.desired import DesiredState
from reconciler.credentials.identities import Identities
from reconciler.credentials.logins import Logins
from reconciler.deliveries.in_memory import InMemory
from reconciler.errors import ReconcilerError, SecretSealed
from reconciler.host_bridges import asks_again_ms
from reconciler.state_dir import StateDir

LITTLE: Final = 1 << 30
"""Bytes of free disk below which pulls may not fit."""

NONE_LEFT: Final = 64 << 20
"""Bytes of free disk below which nothing can be recorded."""

BUILT: Final = 1_735_689_600.0
"""2025-01-01: no clock is right that is before it."""

IMAGES: Final = Path("/var/lib/docker")
SKEW_S: Final = 60.0
ROOM: Final[Mapping[Level, str]] = {
    "error": "make room: nothing is changed that cannot be recorded",
    "warning": "make room before a pull fails: `docker system df` shows what is used",
    "ok": "",
}
NOTHING: Final[Mapping[str, str]] = {}
FreeBytes = Callable[[Path], int]


def host_findings(
    settings: Settings,
    *,
    documents: Sequence[DesiredState],
    newest: float,
    now: float,
    engine: str = "",
    undelivered: Mapping[str, str] = NOTHING,
) -> Iterator[Finding]:
    """``documents`` are those in force; ``newest``: when the last thing was recorded (0.0: nothing ever was);
    ``engine``: its version, "" where it does not answer; ``undelivered``: channels that do not deliver, and why.
    """
    if not any(document.project for document in documents):  # else the service looks for it
        yield compose_program(settings)
    identities = Identities(settings.identity)
    yield from _identity(identities, documents)
    yield _logins(settings, identities)
    yield _secrets_folder(settings, needed=any(any(_sealed(item)) for item in documents))
    yield from channel_findings(settings, undelivered)
    yield from _controller(settings)
    if settings.engine.startswith("unix://"):
        yield from bridge_findings(asks_again_ms(), documents=documents, engine=engine)
    yield _clock(newest, now)
    yield from disk(settings)
    yield versions()


def _sealed(document: DesiredState) -> Iterator[Delivery | SealedVariable]:
    """The secrets of a document."""
    yield from (item for item in document.deliveries if item.sealed)
    yield from document.variables


def _identity(identities: Identities, documents: Sequence[DesiredState]) -> Iterator[Finding]:
    sealed = [(document.name, item) for document in documents for item in _sealed(document)]
    if not sealed and not identities.path.exists():
        yield Finding("ok", "identity", f"none at {identities.path}; the first secret of a document needs one")
        return
    try:
        keys = ", ".join(identities.recipients()) or "SSH keys"
        yield Finding("ok", "identity", f"{identities.path}, for {keys}")
    except SecretSealed as error:
        yield Finding("error", "identity", error.message, error.hint)
        return
    shut = [finding for name, item in sealed if (finding := _shut(identities, name, item.name, item.sealed))]
    yield from shut or [Finding("ok", "secrets", f"{len(sealed)} can be opened")] if sealed else []


def _shut(identities: Identities, document: str, secret: str, sealed: str) -> Finding | None:
    try:
        identities.open(sealed)
    except SecretSealed as error:
        return Finding("error", "secrets", f"{secret} of {document} {error.message}", error.hint)
    return None


def _logins(settings: Settings, identities: Identities) -> Finding:
    needed = settings.registry_credentials_needed
    logins = Logins(settings.registry_credentials, needed=needed, open_sealed=identities.open)
    try:
        count = len(logins.entries())
    except ReconcilerError as error:
        return Finding("error", "registry logins", error.message, error.hint)
    if not count:
        return Finding("ok", "registry logins", f"none in {logins.path}; those of `docker login` count")
    return Finding("ok", "registry logins", f"{count} in {logins.path}, before those of `docker login`")


def _secrets_folder(settings: Settings, *, needed: bool) -> Finding:
    folder = settings.secrets_dir
    trouble = InMemory().trouble(str(folder))
    if not trouble:
        return Finding("ok", "secrets folder", f"{folder}, in memory")
    if not needed:
        return Finding("ok", "secrets folder", f"{trouble}; the first secret of a document needs one in memory")
    fix = "name a folder in memory with --secrets-dir, such as /dev/shm/reconciler"
    return Finding("error", "secrets folder", f"{trouble}: no secret is delivered", fix)


def _controller(settings: Settings) -> Iterator[Finding]:
    holder = StateDir(settings.state_dir).held_by() if settings.state_dir.is_dir() else ""
    yield Finding("ok", "controller", f"runs: {holder}" if holder else "does not run; `reconciler run` starts it")
    if holder:
        return
    host, port = settings.listen_address
    trouble = occupied(host, port)
    yield (
        Finding("error", "listen", f"{settings.listen} cannot be had: {trouble}", "choose another with --listen")
        if trouble
        else Finding("ok", "listen", f"{settings.listen} is free")
    )


def occupied(host: str, port: int) -> str:
    """Why nobody can listen there now; "" where one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _clock(newest: float, now: float) -> Finding:
    fix = "set it, and let the host keep it right (timedatectl set-ntp true)"
    if now < BUILT:
        return Finding("error", "clock", "it is before this program was made", fix)
    if newest > now + SKEW_S:
        return Finding("warning", "clock", f"it is {newest - now:.0f} s before what was recorded last", fix)
    return Finding("ok", "clock", "it goes on from what was recorded last")


def free_bytes(folder: Path) -> int:
    """Of the file system that it lies on, for us."""
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def disk(settings: Settings, free: FreeBytes = free_bytes) -> Iterator[Finding]:
    """Room where state is kept, and where an engine of this host usually keeps images, if it does."""
    images = [("images", IMAGES)] if settings.engine.startswith("unix://") and IMAGES.is_dir() else []
    for subject, place in (("state directory", settings.state_dir), *images):
        room = free(place)
        told = f"{room / LITTLE:.1f} GiB free at {place}"
        level: Level = "error" if room < NONE_LEFT else "warning" if room < LITTLE else "ok"
        yield Finding(level, f"disk of {subject}", told, ROOM[level])


def versions() -> Finding:
    """For a report of a fault."""
    ours = f"reconciler {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return Finding("ok", "versions", f"{ours}, Linux {os.uname().release}")


def compose_program(settings: Settings) -> Finding:
    """Where no document asks for a project, its absence is fine."""
    try:
        return Finding("ok", "compose", f"Docker Compose {DockerCompose(settings.engine).version()}")
    except ReconcilerError:
        return Finding("ok", "compose", "not on this host; ComposeProject documents need it")
