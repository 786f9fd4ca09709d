"""Files in volumes."""

from __future__ import annotations

from reconciler.errors import EngineRefused, NoSpace
from tests.simulator.state import Host, Volume


def read(host: Host, volume: str, path: str, *, limit: int) -> bytes | None:
    """Raises EngineRefused for a folder or more than ``limit`` bytes."""
    files = host.volumes[volume].files
    name = path.strip("/")
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
    host.volumes.setdefault(volume, Volume()).files[path.strip("/")] = content
