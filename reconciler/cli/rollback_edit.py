"""Which values of a document are to be written so that it asks for an earlier revision. Pure.

Values are changed one by one, so that comments, order and everything that did not change stay. Nothing outside
release, image, digest and configuration is touched: how to deploy, depend or wait is not what a rollback goes
back on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.desired import DesiredState, declared

Keys = tuple[str, ...]

_MISSING: Final = object()


def edits_to(current: DesiredState, wanted: DesiredState) -> dict[Keys, Any]:
    """Values by path that make ``current``'s document ask for ``wanted``; None takes a key out.

    The configuration only where it makes a different container.
    """
    now, then = _wish(current), _wish(wanted)
    if _container(current) == _container(wanted):
        then["config"] = now["config"]
    return dict(_changes({"spec": now}, {"spec": then}, ()))


def differing(left: DesiredState, right: DesiredState) -> list[str]:
    """Dotted paths, without values, at which two documents differ in what makes the container."""
    one, other = dict(_leaves(_wish(left), ("spec",))), dict(_leaves(_wish(right), ("spec",)))
    return [".".join(keys) for keys in {**one, **other} if one.get(keys, _MISSING) != other.get(keys, _MISSING)]


def _wish(desired: DesiredState) -> dict[str, Any]:
    """The parts of ``spec`` that a rollback goes back on, as they are written."""
    spec = desired.document["spec"]
    return {
        "release": dict(spec["release"]),
        "image": spec["image"],
        "digest": spec["digest"],
        "config": spec.get("config", _MISSING),
    }


def _container(desired: DesiredState) -> Any:
    return desired.container_name, declared(desired.config)


def _changes(now: Mapping[str, Any], then: Mapping[str, Any], keys: Keys) -> Iterator[tuple[Keys, Any]]:
    """Path and new value (None: none) of the topmost keys that have to be written."""
    for key in dict.fromkeys([*now, *then]):
        old, new = now.get(key, _MISSING), then.get(key, _MISSING)
        if old == new:
            continue
        if _mapping(old) and _mapping(new):
            yield from _changes(old, new, (*keys, key))
        else:
            yield (*keys, key), None if new is _MISSING else new


def _leaves(value: Any, keys: Keys) -> Iterator[tuple[Keys, Any]]:
    if not isinstance(value, Mapping):
        yield keys, value
        return
    for key, item in value.items():
        yield from _leaves(item, (*keys, key))


def _mapping(value: Any) -> bool:
    """A mapping with something in it; an empty one is written as a value."""
    return isinstance(value, Mapping) and bool(value)
