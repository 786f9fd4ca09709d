"""Files of the author that go into a deployment: which ones, and what they are called there. Pure.

A file is an artifact where the author named it relative to the project, or within it; any other path is the
host's own. Artifacts have flat names. A name depends on the files alone, not on their order.
"""

from __future__ import annotations

import hashlib
import os.path
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from reconciler.spec.artifacts import is_reserved

Place = tuple[str | int, ...]

_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LEAD: Final = re.compile(r"^[^A-Za-z0-9]+")
MADE_PREFIX: Final = "compose.stella"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be locked: where in the model, and why. ``written`` is how it stands in the file."""

    path: Place
    message: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A path in the model that means a file of the author."""

    place: Place
    source: str
    written: str


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file that becomes an artifact: its flat ``name``, and all its mentions."""

    name: str
    source: str
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact whose content stands in the model (``content``) or in the author's environment."""

    kind: Literal["configs", "secrets"]
    key: str
    name: str
    content: str = ""
    variable: str = ""


def host_files(model: Mapping[str, Any], written: Mapping[str, Any], directory: str) -> Iterator[Mention]:
    """Every mention of a file of the author, in the order of the model."""
    for place, source in _paths(model):
        said = _at(written, place)
        as_written = said if isinstance(said, str) else source
        relative = not as_written.startswith(("/", "~"))
        if relative or source.startswith(directory.rstrip("/") + "/") or source == directory:
            yield Mention(place, source, as_written)


def arranged(mentions: Iterable[Mention], directory: str) -> tuple[tuple[HostFile, ...], Mapping[Place, str]]:
    """The artifacts, sorted by name, and the name for each place. The place of a bind is that of its mount."""
    by_source: dict[str, list[Mention]] = {}
    for mention in mentions:
        by_source.setdefault(mention.source, []).append(mention)
    flat = flat_names(by_source, directory)
    files = [HostFile(flat[source], source, tuple(found)) for source, found in by_source.items()]
    places = {
        mention.place[:-1] if mention.place[0] == "services" else mention.place: flat[mention.source]
        for found in by_source.values()
        for mention in found
    }
    return tuple(sorted(files, key=lambda file: file.name)), places


def made_files(model: Mapping[str, Any]) -> tuple[Made, ...]:
    """The artifacts whose content no file has yet."""
    kinds: tuple[Literal["configs", "secrets"], ...] = ("configs", "secrets")
    found = [
        Made(
            kind,
            key,
            _made_name(kind, key),
            value.get("content", "").replace("$$", "$"),
            value.get("environment", ""),
        )
        for kind in kinds
        for key, value in sorted(model.get(kind, {}).items())
        if "content" in value or "environment" in value
    ]
    return tuple(found)


def flat_names(sources: Iterable[str], directory: str) -> Mapping[str, str]:
    """A flat name for each path: its last part; where two share that, or it is reserved, with as much of the
    folders between it and ``directory`` as tells them apart (``nginx-nginx.conf``).
    """
    inner = {source: os.path.relpath(source, directory) for source in sources}
    parts = {source: [part for part in path.split("/") if part != ".."] for source, path in inner.items()}
    depth = dict.fromkeys(parts, 1)
    while True:
        names = {source: _flat(parts[source][-depth[source] :]) for source in parts}
        times = Counter(names.values())
        unclear = [source for source, name in names.items() if times[name] > 1 or _taken(name)]
        growing = [source for source in unclear if depth[source] < len(parts[source])]
        if not growing:
            break
        for source in growing:
            depth[source] += 1
    return {
        source: f"{hashlib.sha256(inner[source].encode()).hexdigest()[:8]}-{name}" if source in unclear else name
        for source, name in names.items()
    }


def _taken(name: str) -> bool:
    return is_reserved(name) or name.startswith(MADE_PREFIX)


def _flat(parts: Sequence[str]) -> str:
    return _LEAD.sub("", _UNFIT.sub("_", "-".join(parts))) or "file"


def _made_name(kind: str, key: str) -> str:
    return f"{MADE_PREFIX}.{kind.removesuffix('s')}.{_UNFIT.sub('_', key)}"


def _paths(model: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    for name, service in sorted(model.get("services", {}).items()):
        for index, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") == "bind":
                yield ("services", name, "volumes", index, "source"), os.path.normpath(mount["source"])
    for kind in ("configs", "secrets"):
        for key, value in sorted(model.get(kind, {}).items()):
            if "file" in value:
                yield (kind, key, "file"), os.path.normpath(value["file"])


def _at(value: Any, place: Place) -> Any:
    for part in place:
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value
