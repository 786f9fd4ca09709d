"""What the services of a lock file are read against: the project's name, its files, networks and volumes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.project import Artifact, FileKind
from reconciler.spec.findings import Findings
from reconciler.spec.problem import Path, choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """``value`` is the lock file; ``files`` are those that come with the document, by name, and ``places`` where
    they will lie on the host. Paths of findings are those of the lock file.
    """

    project: str
    value: Mapping[str, Any]
    files: Mapping[str, Artifact]
    places: Mapping[str, str]
    findings: Findings

    def declared(self, section: str, key: str) -> Mapping[str, Any] | None:
        """A network, volume, config or secret of the file; None when it is not declared."""
        items: Mapping[str, Mapping[str, Any] | None] = self.value.get(section, {})
        return (items[key] or {}) if key in items else None

    def engine_name(self, section: str, key: str) -> str:
        """What a network or volume is called on the host: by its own name, else Compose puts the project's before
        it (compose-spec/compose-go ``loader/normalize.go``).
        """
        entry = self.declared(section, key) or {}
        name: str = entry.get("name", key if entry.get("external") else f"{self.project}_{key}")
        return name

    def check_declared(self, section: str, key: str, path: Path) -> bool:
        """Whether it is declared; else that is noted."""
        known = tuple(self.value.get(section, {}))
        if key not in known:
            self.findings.note(path, f'"{key}" is not declared in {section}{choices(key, known)}')
        return key in known

    def artifact_named(self, text: str, path: Path, what: str) -> Artifact | None:
        """The file of the document that a relative path names; None, noted, when there is no such file."""
        name = text.removeprefix("./")
        if name not in self.files:
            self.findings.note(path, _no_such_file(name, text, what, tuple(self.files)))
        return self.files.get(name)


def _no_such_file(name: str, text: str, what: str, known: tuple[str, ...]) -> str:
    if "/" in name or name in {"", ".", "..", "~"}:
        return (
            f'"{text}" leaves the flat folder of the document\'s files; {what} is one of the configFiles by its '
            "name, or an absolute path of the host"
        )
    return f'"{name}" is not one of the document\'s configFiles{choices(name, known)}'


def file_path(kind: FileKind, key: str) -> Path:
    """Where the lock file says which file a config or secret is."""
    return (f"{kind}s", key, "file")
