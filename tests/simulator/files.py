"""Files in volumes."""

from __future__ import annotations

from pathlib import PurePosixPath

from reconciler.errors import EngineRefused, NoSpace
from tests.simulator.state import Host, Volume


def read(host: Host, volume: str, path: str, *, limit: int) -> bytes | None:
    """Raises EngineRefused for a folder or more than ``limit`` bytes."""
    files = host.volumes[volume].files
    name = _inside(volume, path)
    content = files.get(name)
    if content is None:
        if any(item.startswith(f"{name}/") for item in files):
            raise EngineRefused(f"{volume}:{path} is not a regular file")
        return None
    if len(content) > limit:
        raise EngineRefused(f"{volume}:{path} is larger than {limit} bytes")
    return content


def write(host: Host, volume: str, path: str, content: bytes) -> None:
    """Makes the volume when it is missing, as mounting it does."""
    if host.disk_full:
        raise NoSpace(f"cannot write {volume}:{path}: no space left on device")
    host.volumes.setdefault(volume, Volume()).files[_inside(volume, path)] = content


def _inside(volume: str, path: str) -> str:
    place = PurePosixPath(path.lstrip("/"))
    if not place.name or ".." in place.parts:
        raise EngineRefused(f"{volume}:{path} is no file inside the volume")
    return str(place)
