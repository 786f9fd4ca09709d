"""Documents read for one command, without engine or state: whole folders and single files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.config import Settings
from reconciler.sources.artifacts import reading_in
from reconciler.sources.reading import read_file
from reconciler.sources.scan import list_folder
from reconciler.spec.assemble import Examined, examine
from reconciler.spec.problem import Problem


@dataclass(frozen=True, slots=True)
class Found:
    """Files that belong together: contents by name, and what could not be read."""

    contents: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    """Folders that files which come with documents may lie in, by what the names begin with."""
    instead: dict[str, bytes] = field(default_factory=dict)
    """Contents by name that count in place of what lies there."""

    def add(self, name: str, place: str) -> None:
        """Read one more file."""
        reading = read_file(place)
        if reading.trouble:
            self.problems.append(Problem(name, 1, 1, "", reading.trouble))
        else:
            self.contents[name] = reading.content

    def examined(self, *, target: str | None = None, every: bool = False, fleet: bool = False) -> Examined:
        """Everything in these files, checked together, with what could not be read."""
        contents = {name: self.instead.get(name, content) for name, content in self.contents.items()}
        if fleet:
            from reconciler.spec.fleet_folder import examine_fleet

            examined = examine_fleet(contents, read=self._read_artifact)
        else:
            examined = examine(contents, read=self._read_artifact, target=target, every=every)
        return replace(examined, problems=tuple(sorted([*self.problems, *examined.problems])))

    def _read_artifact(self, name: str) -> bytes:
        return self.instead[name] if name in self.instead else reading_in(self.folders)(name)


def read_folder(folder: Path, *, prefix: str = "") -> Found:
    """Every document file of a folder; ``prefix`` goes before the names. Never raises."""
    listing = list_folder(folder)
    found = Found(problems=[*listing.refused.values(), *listing.unreadable.values()], folders={prefix: folder})
    for name, entry in listing.files.items():
        found.add(prefix + name, entry.place)
    return found


def read_files(paths: Sequence[Path]) -> Found:
    """Single files, named as they were given. Never raises."""
    found = Found()
    for path in paths:
        found.add(str(path), str(path.resolve()))
        found.folders[str(path)[: -len(path.name)]] = path.parent
    return found


def names_in(settings: Settings) -> tuple[str, ...]:
    """Names of the documents in the folder that can be used, for completion."""
    examined = read_folder(settings.desired).examined(target=settings.target or None)
    return tuple(sorted(item.name for item in examined.documents))
