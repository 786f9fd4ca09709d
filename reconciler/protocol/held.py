"""What an agent holds of its assignments, and what a message of them changes. Pure.

Changes are numbered. One that does not follow on what is held is not applied: an older one is ignored, a newer one
shows a gap, and the full set is asked for. A full set takes effect when all its parts are there. A document that
is refused (not for us, forged, too late) leaves what is held of it as it was; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.member import is_label
from reconciler.errors import MessageRefused
from reconciler.protocol.message.common import NOTHING_HELD, SetPosition
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.session import Assignments, Cancel, PendingSet
from reconciler.protocol.reading import read_item
from reconciler.protocol.wire.limits import Limits

Judge = Callable[[AssignedDocument, Mapping[str, Any], AssignedDocument | None], str]
"""Says why a document (also as it came) is not taken in place of what is held of it; "" when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """``refused`` are reasons by document. ``wanted`` are the tasks in the set, ``cancels`` what is cancelled."""

    position: SetPosition = NOTHING_HELD
    documents: Mapping[str, AssignedDocument] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()
    cancels: Mapping[str, Cancel] = field(default_factory=dict)
    parts: tuple[Assignments, ...] = ()

    @property
    def pending(self) -> PendingSet | None:
        """The full set that is on its way."""
        if not self.parts:
            return None
        first = self.parts[0]
        there = tuple(sorted(item.part for item in self.parts))
        return PendingSet(id=first.set_id, sequence=first.results_in, parts=there)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a message has changed. ``gap``: it did not follow. Of a full set, ``tasks`` are all of them."""

    held: Held
    gap: bool = False
    applied: bool = False
    put: tuple[AssignedDocument, ...] = ()
    dropped: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[Mapping[str, Any], ...] = ()
    cancels: tuple[Cancel, ...] = ()


def apply(held: Held, message: Assignments, judge: Judge, limits: Limits) -> Change:
    """What is held after the message."""
    here = held.position
    behind = message.results_in < here.sequence or (
        message.mode == "increment" and message.results_in == here.sequence
    )
    if message.set_id == here.id and behind:
        return Change(held=held)
    if message.mode == "full":
        return _full(held, message, judge, limits)
    if message.set_id != here.id or message.applies_to != here.sequence:
        return Change(held=held, gap=True)
    return _changed(held, (message,), judge, limits)


def _full(held: Held, message: Assignments, judge: Judge, limits: Limits) -> Change:
    """A part of another full set than the one begun begins that one."""
    same = [item for item in held.parts if _name(item) == _name(message) and item.part != message.part]
    parts = (*same, message)
    if len(parts) < message.parts:
        return Change(held=replace(held, parts=parts))
    ordered = tuple(sorted(parts, key=lambda item: item.part))
    if [item.part for item in ordered] != list(range(1, message.parts + 1)):
        return Change(held=replace(held, parts=()), gap=True)
    return _changed(held, ordered, judge, limits)


def _changed(held: Held, parts: tuple[Assignments, ...], judge: Judge, limits: Limits) -> Change:
    full, last = parts[0].mode == "full", parts[-1]
    put: dict[str, AssignedDocument] = {}
    refused: dict[str, str] = {}
    for name, document, reason in _judged(held, _every(parts, "documents"), judge, limits):
        if document is None:
            refused[name] = reason
        elif document != held.documents.get(name):
            put[name] = document
    named = {_text(item, "id") for item in _every(parts, "documents")}
    gone = held.documents.keys() - named if full else {name for item in parts for name in item.removed_documents}
    dropped = tuple(sorted((gone - named) & held.documents.keys()))
    tasks = tuple(_every(parts, "tasks"))
    given = {_text(item, "id") for item in tasks}
    ended = held.wanted - given if full else frozenset(name for item in parts for name in item.removed_tasks)
    wanted = frozenset(given) if full else (held.wanted | given) - ended
    cancels = tuple(cancel for item in parts for cancel in item.cancels)
    kept = {} if full else {name: cancel for name, cancel in held.cancels.items() if name not in ended}
    standing = {} if full else {name: why for name, why in held.refused.items() if name not in named | gone}
    after = Held(
        position=SetPosition(last.set_id, last.results_in),
        documents={name: item for name, item in {**held.documents, **put}.items() if name not in dropped},
        refused={**standing, **{name: why for name, why in refused.items() if name}},
        wanted=wanted,
        cancels={**kept, **{item.task_id: item for item in cancels}},
    )
    return Change(
        held=after,
        applied=True,
        put=tuple(put.values()),
        dropped=dropped,
        refused=refused,
        tasks=tasks,
        cancels=cancels,
    )


def _judged(
    held: Held, items: Iterable[Mapping[str, Any]], judge: Judge, limits: Limits
) -> Iterator[tuple[str, AssignedDocument | None, str]]:
    for item in items:
        name = _text(item, "id")
        name = name if is_label(name) else ""
        try:
            document = read_item(item, AssignedDocument, limits=limits)
        except MessageRefused as wrong:
            yield name, None, wrong.message
            continue
        reason = judge(document, item, held.documents.get(name))
        yield name, None if reason else document, reason


def _every(parts: tuple[Assignments, ...], what: str) -> Iterator[Mapping[str, Any]]:
    return (item for part in parts for item in getattr(part, what))


def _name(message: Assignments) -> tuple[str, int, int]:
    return message.set_id, message.results_in, message.parts


def _text(item: Mapping[str, Any], key: str) -> str:
    """A name in an item that was not read yet: only shown and compared, and no longer than names are."""
    found = item.get(key)
    return found if isinstance(found, str) and len(found) <= 128 else ""
