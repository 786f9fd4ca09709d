"""Wishes: the documents of a folder, each as a text that stands alone, for the targets that it says, or for all.

A wish has the folder's Defaults merged in, so that an agent needs nothing beside it but the files that come with
it: those it names flatly, as they lie on a host. What is wrong anywhere is told; what is right goes out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from reconciler.core.member import is_label
from reconciler.core.project import LOCK_NAME
from reconciler.core.rollout import Pace
from reconciler.core.selector import Selector, read_selector
from reconciler.orchestrator.store.documents import Kept
from reconciler.protocol.message.common import Actor, Artifact
from reconciler.protocol.message.document import version_of
from reconciler.sources.artifacts import reading_in
from reconciler.sources.reading import read_file
from reconciler.sources.scan import at_file, list_folder
from reconciler.spec.artifacts import Named, ReadArtifact, beside, named_files, no_artifacts
from reconciler.spec.assemble import choose_defaults
from reconciler.spec.defaults import defaults_for
from reconciler.spec.document import Document, read_documents
from reconciler.spec.fleet import for_hosts, pace_of, targets_of
from reconciler.spec.fleet_folder import examine_fleet
from reconciler.spec.merge import merged
from reconciler.spec.problem import Problem, is_error

DEFAULTS: Final = "Defaults"
TARGET: Final = "is not the name of an agent"
TOO_LARGE: Final = "stands in a file that is larger than what is handed out to agents (256 KiB)"
UNKNOWN_DEFAULTS: Final = (
    "may hold the folder's Defaults: until it can be used, nothing of the folder is handed out anew"
)
LARGEST: Final = 256 << 10
"""Bytes of a file of documents: with Defaults and its signature each of them fits into one message."""


@dataclass(frozen=True, slots=True)
class WishFile:
    """A file that comes with a document."""

    artifact: Artifact
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``targets``: whom it is for, as a selector is written; {} is every agent. ``file``: where it stands, with
    its line. ``put``: as it came over the API. ``pace``: in which order hosts get it; None: all at once.
    """

    name: str
    targets: Mapping[str, Any] = field(default_factory=dict)
    text: str = field(repr=False)
    file: str
    files: tuple[WishFile, ...] = ()
    put: Kept | None = None
    pace: Pace | None = None
    _version: str = field(default="", init=False, compare=False, repr=False)

    @property
    def selector(self) -> Selector | None:
        """Whom it is for; None is every agent."""
        return read_selector(self.targets) if self.targets else None

    @property
    def actor(self) -> Actor:
        """Who wishes for it."""
        return Actor("user", self.put.actor) if self.put else Actor("file", self.file)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What the files are."""
        return tuple(item.artifact for item in self.files)

    @property
    def version(self) -> str:
        """The version that this content has; worked out once, since it is asked for at every host."""
        if not self._version:
            object.__setattr__(self, "_version", version_of(self.text, self.artifacts))
        return self._version


@dataclass(frozen=True, slots=True)
class Wishes:
    """``whole``: everything in the folder could be read and is right, so what is missing is gone. ``put``: names
    of all that came over the API.
    """

    wishes: tuple[Wish, ...]
    problems: tuple[Problem, ...]
    whole: bool
    put: frozenset[str] = frozenset()


def read_wishes(folder: Path, put: Sequence[Kept] = ()) -> Wishes:
    """What the folder says now, and what came over the API beside it. Never raises."""
    listing = list_folder(folder)
    problems = [*listing.refused.values(), *listing.unreadable.values()]
    contents: dict[str, bytes] = {}
    for name, entry in listing.files.items():
        reading = read_file(entry.place)
        if reading.trouble:
            problems.append(at_file(name, reading.trouble))
        else:
            contents[name] = reading.content
    return wishes_of(contents, problems, read=_once(reading_in({"": folder})), put=put)


def _once(read: ReadArtifact) -> ReadArtifact:
    """What was examined is what is handed out, whatever happens to the file meanwhile."""
    kept: dict[str, bytes] = {}

    def again(path: str) -> bytes:
        if path not in kept:
            kept[path] = read(path)
        return kept[path]

    return again


def wishes_of(
    contents: Mapping[str, bytes],
    problems: Iterable[Problem] = (),
    *,
    read: ReadArtifact = no_artifacts,
    put: Sequence[Kept] = (),
) -> Wishes:
    """The wishes in files, by their names. ``problems``: files that could not be read; ``read`` has the files that
    come with documents; ``put``: what came over the API.
    """
    unreadable, texts = tuple(problems), {item.file: item.text.encode() for item in put}
    documents = [item for name, content in contents.items() for item in read_documents(content, name)[0]]
    examined = examine_fleet(contents, read=read, alone=texts)
    defaults, wrong = choose_defaults(documents)
    found = [*unreadable, *examined.problems, *_unfit(documents)]
    if defaults is None and (suspects := [*unreadable, *wrong, *_may_hold_defaults(contents, examined.problems)]):
        found.append(replace(suspects[0], path="", message=UNKNOWN_DEFAULTS, document="", text=""))
        documents = []
    sound = {(item.name, item.target, item.source.file) for item in examined.documents if item.source}
    apart = [(item, read_documents(texts[item.file], item.file)[0]) for item in put]
    wishes = [
        _wish(document, defaults, read)
        for document in documents
        if document.kind != DEFAULTS and (document.name, document.target, document.file) in sound
        if _goes_out(document)
    ]
    wishes += [
        replace(_wish(document, None, no_artifacts), put=item)
        for item, group in apart
        for document in group
        if (document.name, document.target, document.file) in sound
    ]
    own = [problem for problem in found if problem.file not in texts]
    whole = not any(map(is_error, own)) and bool(contents)
    return Wishes(tuple(wishes), tuple(sorted(found)), whole=whole, put=frozenset(item.name for item in put))


def _unfit(documents: Iterable[Document]) -> Iterator[Problem]:
    """What hosts can do and a fleet cannot."""
    for item in documents:
        if not _named(item):
            yield item.problem(("metadata", "target"), TARGET)
        if len(item.content) > LARGEST:
            yield item.problem(("metadata", "name"), TOO_LARGE)


def _may_hold_defaults(contents: Mapping[str, bytes], problems: Iterable[Problem]) -> Iterator[Problem]:
    """Problems of files that may hold Defaults which cannot be read now. Documents without the Defaults that they
    were meant to have would all be deployed anew.
    """
    return (item for item in problems if is_error(item) and b"Defaults" in contents.get(item.file, b""))


def _wish(document: Document, defaults: Document | None, read: ReadArtifact) -> Wish:
    under = defaults_for(document.kind, defaults)
    whole: Mapping[str, Any] = merged(under, document.value) if under else document.value
    alone, files = for_hosts(whole), named_files(whole)
    return Wish(
        name=document.name,
        targets=targets_of(whole),
        pace=pace_of(whole),
        text=_text(_flat(alone, files) if files else alone),
        file=str(document.source),
        files=tuple(_file(item, read(beside(document.file, item.source))) for item in files),
    )


def _flat(document: Mapping[str, Any], files: Sequence[Named]) -> Mapping[str, Any]:
    """With the names that the files have beside it on a host, in place of where they lie here."""
    config = dict(document["spec"]["config"])
    config["composeLock"] = _renamed(config["composeLock"], files[0])
    if "configFiles" in config:
        pairs = zip(config["configFiles"], files[1:], strict=True)
        config["configFiles"] = [_renamed(value, item) for value, item in pairs]
    return {**document, "spec": {**document["spec"], "config": config}}


def _renamed(value: str | Mapping[str, Any], item: Named) -> str | Mapping[str, Any]:
    return item.name if isinstance(value, str) else {**value, "source": item.name}


def _file(item: Named, content: bytes) -> WishFile:
    kind: Literal["compose_lock", "config"] = "compose_lock" if item.name == LOCK_NAME else "config"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return WishFile(Artifact(type=kind, name=item.name, sha256=digest, size_bytes=len(content)), content)


def _goes_out(document: Document) -> bool:
    return _named(document) and len(document.content) <= LARGEST


def _named(document: Document) -> bool:
    return document.target is None or is_label(document.target)


def _text(document: Mapping[str, Any]) -> str:
    """JSON, which is YAML too: nothing of the folder's notation is left in it."""
    return json.dumps(document, ensure_ascii=False, indent=1)
