"""What one revision of a document changed against another: unified diffs of what may be shown. Pure.

Of a document its text as it is kept, secrets masked, without the contents of files; of a project's files the lock
file in the same way, of the others only that they differ. Values of variables that look like secrets are masked
wherever they occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from reconciler.core.desired import DesiredState, short_digest
from reconciler.core.display import secret_values, without
from reconciler.core.project import Artifact
from reconciler.spec.patch_text import unified

NOT_SHOWN: Final = "[content not shown]"
_HEAD: Final = 2
"""Lines of a patch that only name its file."""

Patch = tuple[str, tuple[str, ...]]
"""The name of a file, and the lines of its diff."""


def patches(before: DesiredState | None, after: DesiredState) -> tuple[Patch, ...]:
    """Each file that differs; ``before`` is None where there was nothing."""
    secrets = tuple(value for side in (before, after) if side for value in _secrets(side))
    own = _patch(f"{after.name}.yaml", text_of(before) if before else "", text_of(after))
    found = (item for item in (own, *_of_files(before, after)) if item[1])
    return tuple((name, tuple(without(line, secrets) for line in lines)) for name, lines in found)


def text_of(desired: DesiredState) -> str:
    """A document as it is kept, as YAML, without what files contain."""
    document = {key: value for key, value in desired.document.items() if key != "artifacts"}
    return yaml.safe_dump(_bare(document), sort_keys=False, allow_unicode=True, width=10_000)


def _bare(value: Any) -> Any:
    """The value, with the content of every declared file left out."""
    if isinstance(value, Mapping):
        return {key: NOT_SHOWN if key == "content" else _bare(item) for key, item in value.items()}
    return [_bare(item) for item in value] if isinstance(value, list | tuple) else value


def _of_files(before: DesiredState | None, after: DesiredState) -> Iterator[Patch]:
    if after.project is None:
        return
    former = before.project if before else None
    lock = former.lock.content.decode(errors="replace") if former else ""
    yield _patch(after.project.lock.name, lock, after.project.lock.content.decode(errors="replace"))
    old = {item.name: item for item in former.files} if former else {}
    new = {item.name: item for item in after.project.files}
    for name in sorted(old.keys() | new.keys()):
        sides = tuple(_said(side.get(name)) for side in (old, new))
        if sides[0] != sides[1]:
            yield name, (f"-{sides[0]}", f"+{sides[1]}")


def _said(file: Artifact | None) -> str:
    return f"a file with the digest {short_digest(file.sha256)}" if file else "no file"


def _patch(name: str, before: str, after: str) -> Patch:
    return name, tuple(unified(before, after, name).splitlines()[_HEAD:])


def _secrets(desired: DesiredState) -> Iterator[str]:
    services = desired.project.services if desired.project else ()
    for config in (desired.config, *(service.config for service in services)):
        yield from secret_values(config.environment or {})
