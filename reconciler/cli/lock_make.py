"""Making a lock file: from the author's Compose files to text and artifacts that the reading side accepts.

Touches nothing: what is to be written is returned. Everything that can be refused without a registry is refused
before one is asked.
"""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.cli.lock_config import Author
from reconciler.cli.lock_sources import digests as digests_of
from reconciler.cli.lock_sources import located, sources
from reconciler.core.display import looks_secret
from reconciler.errors import InvalidDocuments
from reconciler.spec.lock_file import read_lock
from reconciler.spec.lock_text import lock_text
from reconciler.spec.lock_write import Draft, completed, draft
from reconciler.spec.lock_write_files import Finding, HostFile, Made
from reconciler.spec.lock_write_images import Reference
from reconciler.spec.yaml_tree import MAX_BYTES

LookUp = Callable[[tuple[Reference, ...]], Mapping[Reference, str]]
"""The digest of each image."""

_UNKNOWN: Final = "sha256:" + "0" * 64
_FOLDER: Final = (
    "is a folder, and only single files come with a deployment; name its files one by one, or use a named volume, "
    "or an absolute path that the host's policy allows"
)


@dataclass(frozen=True, slots=True)
class LockedFile:
    """An artifact: its flat name, where it lies, and its content. ``made``: it is to be written by us; ``secret``:
    for its owner's eyes only.
    """

    name: str
    path: Path
    content: bytes
    made: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A finished lock file, to be written to ``path``."""

    path: Path
    text: str
    project: str
    images: Mapping[str, Reference]
    digests: Mapping[str, str]
    files: tuple[LockedFile, ...]
    notes: tuple[str, ...]


def make(author: Author, path: Path, look_up: LookUp) -> Locked:
    """The lock file for ``path``. Raises InputError, ComposeFailed and what ``look_up`` raises."""
    author.check_program()
    resolved, warnings = author.resolve()
    drafted = draft(resolved)
    read = sources((author.folder / file for file in author.files), _beneath(author), author.directory)
    files = (*_files(drafted, author, read), *_made(drafted.made, author, path.parent))
    facts = digests_of(read, path.parent)
    command = _command(author, path)
    _refuse_keys(lock_text(completed(drafted, dict.fromkeys(drafted.images, _UNKNOWN), facts), command=command))
    found = look_up(tuple(sorted(set(drafted.images.values()), key=lambda image: image.written)))
    digests = {name: found[image] for name, image in drafted.images.items()}
    return Locked(
        path=path,
        text=lock_text(completed(drafted, digests, facts), command=command),
        project=str(resolved.model.get("name", "")),
        images=drafted.images,
        digests=digests,
        files=tuple(sorted(files, key=lambda file: file.name)),
        notes=(*warnings, *drafted.notes, *_in_clear_text(drafted.model)),
    )


def _in_clear_text(model: Mapping[str, Any]) -> Iterator[str]:
    """What looks like a secret and everybody will read who reads the lock file."""
    for service, said in sorted(model.get("services", {}).items()):
        names = [name for name, value in sorted((said.get("environment") or {}).items()) if value]
        secret = ", ".join(filter(looks_secret, names))
        if secret:
            yield (
                f"service {service}: {secret} will be in the lock file in clear text, and in Git if you "
                "commit it; under `secrets:` with `external: true` the document gives it, encrypted"
            )


def _files(drafted: Draft, author: Author, read: tuple[Path, ...]) -> tuple[LockedFile, ...]:
    found: list[LockedFile] = []
    refused = list(drafted.refused)
    for file in drafted.files:
        wrong = _wrong(Path(file.source))
        if wrong:
            refused.append(_refused(file, wrong))
        else:
            found.append(LockedFile(file.name, Path(file.source), Path(file.source).read_bytes()))
    if refused:
        raise InvalidDocuments(tuple(located(item, read, author.folder) for item in refused))
    return tuple(found)


def _wrong(path: Path) -> str:
    if path.is_dir():
        return _FOLDER
    if not path.exists():
        return "is not there; Compose would make an empty folder of it"
    if not path.is_file():
        return "is not a regular file; give it by its absolute path, which the host's policy must allow"
    if path.stat().st_size > MAX_BYTES:
        return f"is larger than the {MAX_BYTES} bytes that may come with a document"
    return ""


def _refused(file: HostFile, wrong: str) -> Finding:
    mention = file.mentions[0]
    return Finding(mention.place, f"{mention.written} {wrong}", written=mention.written)


def _made(made: tuple[Made, ...], author: Author, folder: Path) -> tuple[LockedFile, ...]:
    values = author.values(item.variable for item in made if item.variable)
    return tuple(
        LockedFile(
            item.name,
            folder / item.name,
            (values[item.variable] if item.variable else item.content).encode(),
            made=True,
            secret=item.kind == "secrets",
        )
        for item in made
    )


def _refuse_keys(text: str) -> None:
    """Refuse what the reading side would refuse, in the author's terms: it is the Compose file that is wrong."""
    _, problems = read_lock(text.encode(), "")
    if problems:
        raise InvalidDocuments(tuple(f"{problem.path}: {problem.message}" for problem in problems))


def _command(author: Author, path: Path) -> str:
    """What makes this file anew, run in its folder."""

    def here(file: Path) -> str:
        return os.path.relpath(author.folder / file, path.parent)

    words = ["reconciler", "lock", *map(here, author.files)]
    words += [word for profile in author.profiles for word in ("--profile", profile)]
    words += [word for file in author.env_files for word in ("--env-file", here(file))]
    if author.project_directory:
        words += ["--project-directory", here(author.project_directory)]
    return shlex.join([*words, "-o", path.name])


def _beneath(author: Author) -> tuple[Path, ...]:
    return tuple(author.folder / file for file in author.env_files)
