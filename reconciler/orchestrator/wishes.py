"""Wishes: the documents of a folder, each as a text that stands alone, for one target or for all.

A wish has the folder's Defaults merged in, so that an agent needs nothing beside it. What is wrong anywhere is
told; what is right goes out. Files that come with a document (lock files of projects) are not handed out: a
document that names some is a problem.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.core.member import is_label
from reconciler.sources.reading import read_file
from reconciler.sources.scan import at_file, list_folder
from reconciler.spec.artifacts import artifact_paths
from reconciler.spec.assemble import choose_defaults, examine
from reconciler.spec.defaults import defaults_for
from reconciler.spec.document import Document, read_documents
from reconciler.spec.merge import merged
from reconciler.spec.problem import Problem, is_error

DEFAULTS: Final = "Defaults"
FILES: Final = "files beside a document are not handed out to agents"
TARGET: Final = "is not the name of an agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``target``: None is for every agent. ``file``: where it stands, with its line."""

    name: str
    target: str | None
    text: str
    file: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """``whole``: everything in the folder could be read and is right, so what is missing is gone."""

    wishes: tuple[Wish, ...]
    problems: tuple[Problem, ...]
    whole: bool


def read_wishes(folder: Path) -> Wishes:
    """What the folder says now. Never raises."""
    listing = list_folder(folder)
    problems = [*listing.refused.values(), *listing.unreadable.values()]
    contents: dict[str, bytes] = {}
    for name, entry in listing.files.items():
        reading = read_file(entry.place)
        if reading.trouble:
            problems.append(at_file(name, reading.trouble))
        else:
            contents[name] = reading.content
    return wishes_of(contents, problems)


def wishes_of(contents: Mapping[str, bytes], problems: Iterable[Problem] = ()) -> Wishes:
    """The wishes in files, by their names. Pure."""
    documents = [item for name, content in contents.items() for item in read_documents(content, name)[0]]
    plain = [item for item in documents if not artifact_paths(item.value, item.file)]
    with_files = {item.name: item for item in documents if item not in plain}
    examined = examine(contents, every=True)
    found = [*problems, *(item for item in examined.problems if item.document not in with_files)]
    found += [item.problem(("kind",), FILES) for item in with_files.values()]
    found += [item.problem(("metadata", "target"), TARGET) for item in plain if not _named(item)]
    defaults, _ = choose_defaults(documents)
    sound = {(item.name, item.target) for item in examined.documents}
    return Wishes(
        tuple(
            Wish(name=item.name, target=item.target, text=_text(item, defaults), file=str(item.source))
            for item in plain
            if item.kind != DEFAULTS and (item.name, item.target) in sound and _named(item)
        ),
        tuple(sorted(found)),
        whole=not any(map(is_error, found)) and bool(contents),
    )


def _named(document: Document) -> bool:
    return document.target is None or is_label(document.target)


def _text(document: Document, defaults: Document | None) -> str:
    """JSON, which is YAML too: nothing of the folder's notation is left in it."""
    under = defaults_for(document.kind, defaults)
    whole: Mapping[str, Any] = merged(under, document.value) if under else document.value
    return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=False)
