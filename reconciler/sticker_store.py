"""Version stickers where they lie: files of the host, or files in a volume through the engine.

Decides how they are read and written safely: never through a link, never through a shell, never more than
1 MiB, always whole. What a sticker says and is worth is decided in ``core.sticker``.

Invariants: reading never raises, what went wrong is in the reading; a reader sees the old sticker or the new
one; nothing outside the sticker's own folder is made or changed; on the host no file is replaced or removed that
is not a sticker, however the document names it. A sticker that was damaged beyond recognition is taken for one
only at the default place, which is ours.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path, PurePosixPath

from reconciler.atomic import remove_file, write_file
from reconciler.core.desired import StickerPlace
from reconciler.core.interfaces import Engine
from reconciler.core.observation import StickerReading
from reconciler.errors import InputError, ReconcilerError, StateUnwritable
from reconciler.unchanged import Unchanged

READ_LIMIT = 1024 * 1024
"""Bytes; a sticker has at most 16 KiB, so what is larger is none."""

OUR_FOLDER = Path("/var/stella")
"""The default place of stickers: whatever lies here may be replaced."""

OUR_KEYS = frozenset({"generator", "mac", "version"})
BEGINNING = b'{\n  "deployment": {\n'
"""How every sticker begins (sorted keys, indented), by which a torn one is known."""

ABSENT = StickerReading(fact="absent")


class StickerStore:
    """Implements ``Stickers``. Without an engine only stickers on the host can be reached."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._known: Unchanged[str, StickerReading] = Unchanged()

    def read(self, place: StickerPlace, *, helper: str) -> StickerReading:
        """The sticker's bytes, or why there are none. ``helper``: image for the volume's helper container."""
        try:
            if place.location == "volume":
                return self._read_volume(place, helper)
            return self._on_host(place.path)
        except ReconcilerError as error:
            return StickerReading(fact="unreadable", problem=str(error))

    def write(self, place: StickerPlace, content: bytes, *, helper: str) -> None:
        """Replace the sticker whole. Raises StateUnwritable, also where a file is that is no sticker, InputError
        or engine errors.
        """
        if place.location == "volume":
            self._needed().write_volume(place.volume, _volume_path(place), content, helper=helper)
            return
        path = _host_path(place.path)
        if problem := _other_file(path):
            raise StateUnwritable(
                f"the sticker is not written: {problem}",
                hint="it is left as it is; give spec.sticker.path a place of its own, or remove the file",
            )
        _make_folder(path.parent)
        write_file(path, content, mode=0o644)

    def remove(self, place: StickerPlace, *, helper: str) -> None:
        """Have no sticker there. Gone already is success; a file on the host that is no sticker, or
        cannot be read as one, stays.

        A file in a volume can be replaced but not removed without running a program, so it is emptied; an
        empty one counts as absent.
        """
        if place.location == "host":
            path = _host_path(place.path)
            if not _other_file(path):
                remove_file(path)
        elif self._read_volume(place, helper) != ABSENT:
            self._needed().write_volume(place.volume, _volume_path(place), b"", helper=helper)

    def _on_host(self, path: str) -> StickerReading:
        """Looked at each time, read again only when it changed (``unchanged``)."""
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            return _read_host(_host_path(path))
        known = self._known.get(path, found)
        if known is None:
            known = _read_host(_host_path(path))
            if known.fact == "present":
                self._known.put(path, found, known)
        return known

    def _read_volume(self, place: StickerPlace, helper: str) -> StickerReading:
        content = self._needed().read_volume(place.volume, _volume_path(place), helper=helper, limit=READ_LIMIT)
        return StickerReading(fact="present", content=content) if content else ABSENT

    def _needed(self) -> Engine:
        if self._engine is None:
            raise InputError("a sticker in a volume needs a Docker engine, and there is none")
        return self._engine


def _host_path(said: str) -> Path:
    path = Path(said)
    if not path.is_absolute() or ".." in path.parts or not path.name:
        raise InputError(f"the sticker's path {said!r} is not an absolute path of a file")
    return path


def _volume_path(place: StickerPlace) -> str:
    path = PurePosixPath(place.path.lstrip("/"))
    if ".." in path.parts or not path.name:
        raise InputError(f"the sticker's path {place.path!r} is not a path of a file inside the volume")
    return str(path)


def _make_folder(folder: Path) -> None:
    """Make what is missing of the path, for all to read."""
    try:
        for part in (*reversed(folder.parents), folder):
            if not part.is_dir():
                part.mkdir(exist_ok=True)
                part.chmod(0o755)  # whatever the umask says
    except OSError as error:
        raise StateUnwritable(f"could not make the folder {folder}: {error.strerror}") from error


def _other_file(path: Path) -> str:
    """Why what lies there is not to be touched: it is no sticker, whole or torn, of anybody. "" if it may be."""
    if path.is_relative_to(OUR_FOLDER):
        return ""
    reading = _read_host(path)
    if reading.fact == "present" and not _like_a_sticker(reading.content):
        return f"{path}: is there and is not a sticker"
    return reading.problem


def _like_a_sticker(content: bytes) -> bool:
    """Nothing at all, the beginning of a sticker, or a JSON object with a sticker's keys."""
    if content.strip() in {b"", b"{}"} or content[: len(BEGINNING)] == BEGINNING[: len(content)]:
        return True
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() >= OUR_KEYS


def _read_host(path: Path) -> StickerReading:
    try:
        return _read_regular(path)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return ABSENT
        problem = "is a link" if error.errno == errno.ELOOP else str(error.strerror)
        return StickerReading(fact="unreadable", problem=f"{path}: {problem}")


def _read_regular(path: Path) -> StickerReading:
    # A pipe in the sticker's place must not block us: hence O_NONBLOCK.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return StickerReading(fact="unreadable", problem=f"{path}: not a regular file")
        if found.st_size > READ_LIMIT:
            return StickerReading(fact="unreadable", problem=f"{path}: larger than {READ_LIMIT} bytes")
        return StickerReading(fact="present", content=os.read(handle, READ_LIMIT))
    finally:
        os.close(handle)
