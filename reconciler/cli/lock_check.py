"""Whether a lock file is still what it would be if it were made now: tags that moved, sources that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.cli.files import read_bounded
from reconciler.cli.lock_make import LookUp
from reconciler.errors import InputError, InvalidDocuments
from reconciler.spec.lock_file import read_lock
from reconciler.spec.lock_write_images import Reference, read_reference
from reconciler.spec.problem import Wrong
from reconciler.spec.yaml_tree import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Tag:
    """What one service is locked to, and what its tag stands for now."""

    service: str
    reference: str
    locked: str
    now: str

    @property
    def moved(self) -> bool:
        return self.locked != self.now


@dataclass(frozen=True, slots=True)
class Checked:
    """``changed`` names sources that are not what the lock file was made from."""

    tags: tuple[Tag, ...]
    changed: tuple[str, ...]

    @property
    def moved(self) -> tuple[Tag, ...]:
        return tuple(tag for tag in self.tags if tag.moved)


def check(path: Path, look_up: LookUp) -> Checked:
    """Look at the lock file, its sources and the registries. Raises InputError and what ``look_up`` raises."""
    lock, problems = read_lock(read_bounded(path, limit=MAX_BYTES).encode(), str(path))
    if lock is None:
        raise InvalidDocuments(tuple(map(str, problems)))
    origin = lock.value.get("x-stella", {})
    if "images" not in origin:
        raise InputError(f"{path} does not say what it was made from", hint="make it anew with reconciler lock")
    references = dict(_references(path, origin["images"]))
    now = look_up(tuple(sorted(set(references.values()), key=lambda image: image.written)))
    services: Mapping[str, Any] = lock.value["services"]
    tags = tuple(
        Tag(name, reference.written, services[name]["image"].partition("@")[2], now[reference])
        for name, reference in sorted(references.items())
        if name in services and reference.moves
    )
    return Checked(tags, tuple(_changed(path.parent, origin.get("sources", ()))))


def _references(path: Path, images: Mapping[str, str]) -> Iterator[tuple[str, Reference]]:
    for name, written in images.items():
        try:
            yield name, read_reference(written)
        except Wrong as wrong:
            raise InputError(f"{path}: x-stella.images.{name}: {wrong}") from wrong


def _changed(folder: Path, sources: list[Mapping[str, str]]) -> Iterator[str]:
    for source in sources:
        try:
            digest = hashlib.sha256((folder / source["file"]).read_bytes()).hexdigest()
        except FileNotFoundError:
            yield f"{source['file']} is gone"
            continue
        if digest != source["sha256"]:
            yield f"{source['file']} has changed"
