"""The files that a lock file is made from: Compose files, what they include and extend, env files.

Told by reading the author's YAML, since Compose does not tell. What an expression names (``${FILE}``) is not
followed: a change there is seen only by making the lock file anew.
"""

from __future__ import annotations

import hashlib
import os.path
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from reconciler.spec.lock_write_files import Finding


class _Loader(yaml.CSafeLoader):
    """Reads any tag as its plain value: Compose has some of its own (``!reset``, ``!override``)."""


def _plain(loader: _Loader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _plain)


def sources(files: Iterable[Path], env_files: Iterable[Path], directory: Path) -> tuple[Path, ...]:
    """Every file that is there of those that count, absolute, sorted."""
    found: set[Path] = set()
    waiting = [_absolute(file) for file in files]
    outer = list(env_files) or [directory / ".env"]
    found.update(path for path in map(_absolute, outer) if path.is_file())
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        for path, more in _mentioned(_read(file), file.parent):
            target = _absolute(path)
            if more:
                waiting.append(target)
            elif target.is_file():
                found.add(target)
    return tuple(sorted(found))


def digests(paths: Iterable[Path], beside: Path) -> Mapping[str, str]:
    """SHA-256 of each file, by its path relative to the folder ``beside``."""
    return {os.path.relpath(path, beside): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def located(finding: Finding, paths: Iterable[Path], folder: Path) -> str:
    """The finding as a line for people, with file and line where what it is about is written."""
    where = ".".join(map(str, finding.path))
    needle = finding.written
    for path in paths if needle else ():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        number = next((number for number, line in enumerate(lines, 1) if needle in line), 0)
        if number:
            return f"{os.path.relpath(path, folder)}:{number}: {where}: {finding.message}"
    return f"{where}: {finding.message}"


def _absolute(path: Path) -> Path:
    """Without following links: the file is named as the author names it."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _read(file: Path) -> Any:
    try:
        return yaml.load(file.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader, with more tags
    except (yaml.YAMLError, ValueError):  # Compose has read it: what it made of it is not known here
        return None


def _mentioned(model: Any, folder: Path) -> Iterator[tuple[Path, bool]]:
    """Files that a Compose file names, and whether each is a Compose file itself."""
    if not isinstance(model, Mapping):
        return
    for entry in _listed(model.get("include")):
        included = entry if isinstance(entry, Mapping) else {"path": entry}
        paths = [path for path in _listed(included.get("path")) if isinstance(path, str)]
        yield from ((folder / path, True) for path in paths)
        if paths:
            home = folder / str(included.get("project_directory") or Path(paths[0]).parent)
            named = [path for path in _listed(included.get("env_file")) if isinstance(path, str)]
            yield from ((folder / path, False) for path in named)
            yield from () if named else ((home / ".env", False),)
    services = model.get("services")
    for service in services.values() if isinstance(services, Mapping) else ():
        if isinstance(service, Mapping):
            yield from _of_service(service, folder)


def _of_service(service: Mapping[str, Any], folder: Path) -> Iterator[tuple[Path, bool]]:
    extends = service.get("extends")
    if isinstance(extends, Mapping) and isinstance(extends.get("file"), str):
        yield folder / extends["file"], True
    for entry in _listed(service.get("env_file")):
        path = entry.get("path") if isinstance(entry, Mapping) else entry
        if isinstance(path, str):
            yield folder / path, False


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
