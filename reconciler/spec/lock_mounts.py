"""Mounts of a service: volumes, binds, files in memory, configs and secrets, in the engine's terms. Pure.

Files that come with the document are bind mounts of where they will lie. A volume without a source is anonymous:
Compose makes it and hands it on from container to container; it is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.container import Mount
from reconciler.core.project import FileKind, MountedFile
from reconciler.spec import lock_notation, notation
from reconciler.spec.lock_frame import Frame, file_path
from reconciler.spec.problem import Path, Wrong, choices

_MODES = ("ro", "rw", "z", "Z", "nocopy", "cached", "consistent", "delegated")
_RELABELS = ("z", "Z")
"""The engine labels the files on the host anew for these (SELinux), also where the mount is read only."""
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")


@dataclass(slots=True)
class Mounts:
    """What a service's containers have mounted. ``extras``: what of it the host's policy has a say in."""

    mounts: list[Mount] = field(default_factory=list)
    tmpfs: dict[str, str] = field(default_factory=dict)
    files: list[MountedFile] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)


def read_mounts(frame: Frame, service: Mapping[str, Any], at: Path) -> Mounts:
    """Everything that a service mounts; what is wrong is noted."""
    found = Mounts()
    for index, value in enumerate(service.get("volumes", ())):
        path = (*at, "volumes", index)
        entry = frame.findings.read_value(value, path, _long) if isinstance(value, str) else value
        if entry is not None:
            _add(frame, found, entry, path)
    for target, options in _memory(frame, service, at):
        found.tmpfs[target] = options
    for kind, default in (("configs", "/"), ("secrets", "/run/secrets/")):
        for index, value in enumerate(service.get(kind, ())):
            use = {"source": value} if isinstance(value, str) else value
            _use(frame, found, (kind, use, default), (*at, kind, index))
    given = (item.target for item in found.files if not item.artifact)
    targets = [*(item.target for item in found.mounts), *given, *found.tmpfs]
    frame.findings.refuse_twins(targets, (*at, "volumes" if "volumes" in service else "tmpfs"), "the path")
    return found


def _long(value: str) -> dict[str, Any]:
    """``[SOURCE:]TARGET[:OPTIONS]`` in long syntax."""
    parts = value.split(":")
    if len(parts) == 1:
        return {"type": "volume", "target": value}
    if len(parts) > 3 or not all(parts):
        raise Wrong(f'"{value}" is not a mount; allowed: [SOURCE:]TARGET[:OPTIONS]')
    source, target, options = parts[0], parts[1], parts[2].split(",") if len(parts) == 3 else []
    entry: dict[str, Any] = {"type": _kind_of(source), "source": source, "target": target}
    bind: dict[str, str] = {}
    if {"ro", "rw"} <= set(options):
        raise Wrong(f'"{value}" is read only and not; remove one of ro and rw')
    for option in options:
        if option in _PROPAGATION:
            bind["propagation"] = option
        elif option in _RELABELS:
            bind["selinux"] = option
        elif option not in _MODES:
            raise Wrong(f'"{option}" is not an option of a mount{choices(option, (*_MODES, *_PROPAGATION))}')
    return {**entry, "bind": bind, "read_only": "ro" in options}


def _kind_of(source: str) -> str:
    return "bind" if source.startswith(("/", ".", "~")) else "volume"


def _add(frame: Frame, found: Mounts, entry: Mapping[str, Any], path: Path) -> None:
    target = frame.findings.read_value(entry["target"], (*path, "target"), _target)
    kind, source, read_only = entry["type"], entry.get("source", ""), entry.get("read_only", False)
    if target is None:
        return
    if kind == "tmpfs":
        size = frame.findings.read(entry.get("tmpfs", {}), (*path, "tmpfs", "size"), lock_notation.size)
        found.tmpfs[target] = f"size={size}" if size else ""
    elif kind == "volume" and source:
        _volume(frame, found, Mount(target, source, "volume", read_only), path)
    elif kind == "bind":
        options = entry.get("bind", {})
        if "propagation" in options:
            found.extras.append("volumes.bind.propagation")
        if "selinux" in options and source.startswith("/"):
            found.extras.append("volumes.bind.selinux")
        _bind(frame, found, Mount(target, source, "bind", read_only), path)


def _volume(frame: Frame, found: Mounts, mount: Mount, path: Path) -> None:
    if frame.check_declared("volumes", mount.source, path):
        name = frame.engine_name("volumes", mount.source)
        found.mounts.append(Mount(mount.target, name, "volume", mount.read_only))
        found.extras.extend(_extras(frame.declared("volumes", mount.source) or {}))


def _extras(volume: Mapping[str, Any]) -> Iterator[str]:
    """What asks for more than a folder of the engine's own. What is there already is not asked for here."""
    if volume.get("external"):
        return
    if volume.get("driver", "local") not in {"", "local"}:
        yield "volumes.driver"
    if volume.get("driver_opts"):
        yield "volumes.driver_opts"


def _bind(frame: Frame, found: Mounts, mount: Mount, path: Path) -> None:
    if mount.source.startswith("/"):
        source = frame.findings.read_value(mount.source, path, _host_path)
        if source is not None:
            found.mounts.append(Mount(mount.target, source, "bind", mount.read_only))
        return
    artifact = frame.artifact_named(mount.source, path, "a bind mount's source")
    if artifact is not None:
        found.files.append(
            MountedFile(artifact=artifact.name, target=mount.target, kind="bind", read_only=mount.read_only)
        )
        found.mounts.append(Mount(mount.target, frame.places[artifact.name], "bind", mount.read_only))


def _use(frame: Frame, found: Mounts, use: tuple[str, Mapping[str, Any], str], path: Path) -> None:
    """A config or a secret: of a file, so a bind mount that is always read only. Where a secret lies that the
    document gives, only the host knows.
    """
    section, entry, default = use
    key: str = entry["source"]
    declared = frame.declared(section, key)
    if declared is None:
        frame.check_declared(section, key, path)
        return
    text = entry.get("target", "") or key
    target = frame.findings.read_value(text if text.startswith("/") else default + text, path, _target)
    if target is None:
        return
    if "file" not in declared:
        found.files.append(MountedFile(artifact="", target=target, kind="secret", key=key))
        return
    file: str = declared["file"]
    if file.startswith("/"):
        _bind(frame, found, Mount(target, file, "bind", read_only=True), path)
        return
    kind: FileKind = "config" if section == "configs" else "secret"
    artifact = frame.artifact_named(file, file_path(kind, key), f"the file of a {kind}")
    if artifact is not None:
        found.files.append(MountedFile(artifact=artifact.name, target=target, kind=kind, key=key))
        found.mounts.append(Mount(target, frame.places[artifact.name], "bind", read_only=True))


def _memory(frame: Frame, service: Mapping[str, Any], at: Path) -> Iterator[tuple[str, str]]:
    path = (*at, "tmpfs")
    entries = lock_notation.texts(service.get("tmpfs", ()))
    yield from frame.findings.read_list({"tmpfs": entries}, path, notation.tmpfs) or ()


def _target(value: str) -> str:
    target = notation.absolute_path(value, "the path in the container")
    if target == "/":
        raise Wrong("the root of the container cannot be mounted over")
    return target


def _host_path(value: str) -> str:
    return notation.absolute_path(value, "a host path")
