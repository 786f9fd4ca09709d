"""Small files in named volumes, by the engine's archive API and a helper container that is never started.

Decides how a file is replaced so that readers see the old one, none, or the new one, whole. The archive API can
only lay files down: it removes what has the name, then creates, then fills, so a reader could see half of it.
Therefore the content goes into one of two slots (``.NAME.0``, ``.NAME.1``), the one that the name does not point
to, and is read back and compared; then the symbolic link ``NAME`` is laid down, which is there in one piece. The
next write takes the other slot, so there are never more than two.

Invariants: nothing runs and no shell interprets a name; the engine resolves paths inside the helper, never on
the host; links are followed to our own slots only. The helper's name is derived from the volume, so one that a
killed process left behind is found and removed by the next call; calls for one volume take turns.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from reconciler.engine.archive import Entry, file_archive, first_entry, link_archive
from reconciler.engine.connection import Answer, Connection, Request, route
from reconciler.errors import EngineRefused, NameTaken, NotFound

HELPER_LABEL = "stella.helper"
MOUNT_POINT = "/volume"


class VolumeFiles:
    """Reads and writes; see ``core.interfaces.Engine.read_volume`` and ``write_volume``."""

    def __init__(self, connection: Connection, *, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def read(self, volume: str, path: str, *, helper: str, limit: int) -> bytes | None:
        place = _inside(volume, path)
        if not self._exists(volume):
            return None
        with self._helper(volume, helper) as container:
            entry = self._entry(container, place, limit)
            if entry is not None and entry.link:
                entry = self._entry(container, _slot_of(place, entry.link), limit)
        if entry is None:
            return None
        if entry.content is None:
            raise EngineRefused(f"reading {volume}:{path}: it is no regular file, or larger than {limit} bytes")
        return entry.content

    def write(self, volume: str, path: str, content: bytes, *, helper: str) -> None:
        place = _inside(volume, path)
        with self._helper(volume, helper) as container:
            old = self._entry(container, place, limit=0)
            if old is not None and old.directory:
                raise EngineRefused(f"writing {volume}:{path}: a directory is there")
            slots = _slots(place)
            slot = slots[1] if old is not None and old.link == slots[0].name else slots[0]
            self._put(container, file_archive(str(slot), content, mtime=int(self._clock())))
            self._check(container, slot, Entry(content=content))
            self._put(container, link_archive(str(place), slot.name, mtime=int(self._clock())))
            self._check(container, place, Entry(link=slot.name))

    def _exists(self, volume: str) -> bool:
        doing = f"looking for volume {volume}"
        answer = self._connection.get(doing, route("/volumes/{}", volume))
        if answer.accepted:
            return True
        refusal = answer.refusal(doing)
        if isinstance(refusal, NotFound):
            return False
        raise refusal

    def _entry(self, container: str, place: PurePosixPath, limit: int) -> Entry | None:
        """What lies there; None when nothing does."""
        doing = f"reading {place} from a volume"
        request = Request(
            method="GET",
            path=route("/containers/{}/archive", container),
            params={"path": f"{MOUNT_POINT}/{place}"},
            headers={"Accept-Encoding": "identity"},
            timeout_s=self._connection.change_s,
        )
        with self._connection.streaming(doing, request) as response:
            if response.status < 400:
                return first_entry(response, limit)
            refusal = Answer(response.status, response.read()).refusal(doing)
        if isinstance(refusal, NotFound):
            return None
        raise refusal

    def _put(self, container: str, archive: bytes) -> None:
        doing = "writing into a volume"
        request = Request(
            method="PUT",
            path=route("/containers/{}/archive", container),
            params={"path": MOUNT_POINT, "noOverwriteDirNonDir": "1"},
            body=archive,
        )
        self._connection.send(doing, request).must(doing)

    def _check(self, container: str, place: PurePosixPath, expected: Entry) -> None:
        if self._entry(container, place, len(expected.content or b"")) != expected:
            raise EngineRefused(
                f"writing {place} into a volume: what is read back is not what was written",
                hint="check the volume's file system",
            )

    @contextmanager
    def _helper(self, volume: str, image: str) -> Iterator[str]:
        """A container that has the volume mounted and never runs; its id."""
        with self._turn(volume):
            container = self._create(volume, image)
            try:
                yield container
            finally:
                self._remove(container)

    def _turn(self, volume: str) -> threading.Lock:
        with self._guard:
            return self._turns.setdefault(volume, threading.Lock())

    def _create(self, volume: str, image: str) -> str:
        doing = f"creating a helper container for volume {volume}"
        name = f"stella-helper-{hashlib.sha256(volume.encode()).hexdigest()[:16]}"
        request = Request(
            method="POST", path="/containers/create", params={"name": name}, body=_helper_body(volume, image)
        )
        answer = self._connection.send(doing, request)
        if not answer.accepted and isinstance(answer.refusal(doing), NameTaken):
            self._remove_left_behind(name)
            answer = self._connection.send(doing, request)
        return str(answer.must(doing).json["Id"])

    def _remove_left_behind(self, name: str) -> None:
        """A helper of a process that was killed. Anything else of that name is not ours and stays."""
        answer = self._connection.get(f"looking at helper {name}", route("/containers/{}/json", name))
        if answer.accepted and (answer.json["Config"].get("Labels") or {}).get(HELPER_LABEL):
            self._remove(answer.json["Id"])

    def _remove(self, container: str) -> None:
        doing = f"removing helper container {container[:12]}"
        request = Request(method="DELETE", path=route("/containers/{}", container), params={"v": "1"})
        answer = self._connection.send(doing, request)
        if not answer.accepted and not isinstance(answer.refusal(doing), NotFound):
            raise answer.refusal(doing)


def _helper_body(volume: str, image: str) -> dict[str, object]:
    """The command is only there because an image without one is refused otherwise. Nothing is copied from the
    image into an empty volume.
    """
    mount = {"Type": "volume", "Source": volume, "Target": MOUNT_POINT, "VolumeOptions": {"NoCopy": True}}
    return {
        "Image": image,
        "Cmd": ["never-started"],
        "Labels": {HELPER_LABEL: "1"},
        "HostConfig": {"NetworkMode": "none", "Mounts": [mount]},
    }


def _inside(volume: str, path: str) -> PurePosixPath:
    """The path relative to the volume. Raises EngineRefused when it is empty or climbs out."""
    place = PurePosixPath(path.lstrip("/"))
    if not place.name or ".." in place.parts or "\0" in path:
        raise EngineRefused(f"{volume}:{path!r} is no file inside the volume")
    return place


def _slots(place: PurePosixPath) -> tuple[PurePosixPath, PurePosixPath]:
    return place.with_name(f".{place.name}.0"), place.with_name(f".{place.name}.1")


def _slot_of(place: PurePosixPath, link: str) -> PurePosixPath:
    """Where our own link leads. Raises EngineRefused for any other link."""
    for slot in _slots(place):
        if slot.name == link:
            return slot
    raise EngineRefused(f"reading {place} from a volume: it is a link that is not ours")
