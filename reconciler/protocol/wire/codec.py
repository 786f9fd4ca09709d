"""Frozen dataclasses as JSON objects and back, by their fields alone.

A field ``expires_at`` is the key ``expiresAt``. A field with a default is optional, and is left out where it has
its default; so a value has one JSON form, and what was read is rendered as it came. What a field may hold is the
schema's affair: the codec is given values that keep to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from reconciler.protocol.wire.times import read_time, time_text

API_VERSION: Final = "fleet/v1"
"""The version of the protocol that this package speaks; every message says it."""

T = TypeVar("T")
Reader = Callable[[Any], Any]
_BY: Final = "by"


def chosen_by(name: str, variants: Mapping[Any, type]) -> Mapping[str, Any]:
    """Metadata of a field whose class depends on another field, which stands before it."""
    return {_BY: (name, variants)}


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field: its name here and there, what it is left out for, and how it is read."""

    name: str
    key: str
    default: Any
    read: Reader
    by: tuple[str, Mapping[str, type]] | None


def from_json(kind: type[T], value: Mapping[str, Any]) -> T:
    """The dataclass ``kind`` from an object that its schema allows. Raises ValueError for a time that is none."""
    found: dict[str, Any] = {}
    for slot in _slots(cast("Any", kind)):
        if slot.key in value:
            item = value[slot.key]
            found[slot.name] = from_json(slot.by[1][found[slot.by[0]]], item) if slot.by else slot.read(item)
    return kind(**found)


def to_json(value: Any) -> Any:
    """A message, or what is in one, as JSON values. A message says its kind and version, wherever it stands."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((slot, getattr(value, slot.name)) for slot in _slots(type(value)))
        said = {slot.key: to_json(item) for slot, item in pairs if slot.default is MISSING or item != slot.default}
        kind = getattr(value, "KIND", None)
        return {"apiVersion": API_VERSION, "kind": kind, **said} if kind else said
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def keys(kind: type) -> Mapping[str, bool]:
    """The keys of a dataclass's JSON, and whether each is required."""
    return {slot.key: slot.default is MISSING for slot in _slots(kind)}


@cache
def _slots(kind: type) -> tuple[_Slot, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Slot(item.name, _camel(item.name), item.default, _reader(hints[item.name]), item.metadata.get(_BY))
        for item in fields(kind)
    )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _reader(hint: Any) -> Reader:
    if get_origin(hint) is UnionType:
        known = [item for item in get_args(hint) if item is not NoneType]
        return _reader(known[0]) if len(known) == 1 else _same
    if get_origin(hint) is tuple:
        inner = _reader(get_args(hint)[0])
        return lambda value: tuple(inner(item) for item in value)
    if hint is datetime:
        return read_time
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: from_json(hint, value)
    return _same


def _same(value: Any) -> Any:
    return value
