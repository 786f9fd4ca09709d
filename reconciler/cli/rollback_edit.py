"""Which values of a document are to be written so that it asks for an earlier revision. Pure.

Values are changed one by one, so that comments, order and everything that did not change stay. Nothing outside
release, images and configuration is touched: how to deploy, depend or wait is not what a rollback goes back on.
Of a project the configuration is what its fingerprint rests on: name, directory, files, digests and secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.desired import DesiredState, declared

Keys = tuple[str, ...]

PROJECT_KEYS: Final = (
    "projectName",
    "deploymentDirectory",
    "composeLock",
    "configFiles",
    "expectedDigests",
    "secrets",
)
_FIRST_KEYS: Final = ("name", "path", "source", "sha256", "size")
_MISSING: Final = object()


def edits_to(current: DesiredState, wanted: DesiredState) -> dict[Keys, Any]:
    """Values by path that make ``current``'s document ask for ``wanted``; None takes a key out.

    The configuration only where it makes something different. Both are of one kind.
    """
    now, then = _wish(current), _wish(wanted)
    if _made(current) == _made(wanted):
        then["config"] = now["config"]
    return dict(_changes({"spec": now}, {"spec": then}, ()))


def differing(left: DesiredState, right: DesiredState) -> list[str]:
    """Dotted paths, without values, at which two documents differ in what is made of them."""
    one, other = dict(_leaves(_wish(left), ("spec",))), dict(_leaves(_wish(right), ("spec",)))
    return [".".join(keys) for keys in {**one, **other} if one.get(keys, _MISSING) != other.get(keys, _MISSING)]


def _wish(desired: DesiredState) -> dict[str, Any]:
    """The parts of ``spec`` that a rollback goes back on, as they are written."""
    spec = desired.document["spec"]
    release = {"release": dict(spec["release"])}
    if desired.project is not None:
        config = spec["config"]
        return {**release, "config": _each_in_order({key: config[key] for key in PROJECT_KEYS if key in config})}
    return {
        **release,
        "image": spec["image"],
        "digest": spec["digest"],
        "config": _each_in_order(spec["config"]) if "config" in spec else _MISSING,
    }


def _each_in_order(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _in_order(value) for key, value in config.items()}


def _in_order(value: Any) -> Any:
    """Mappings of a list as people write them: the history sorts their keys."""
    if not isinstance(value, list):
        return value
    return [_keys_in_order(item) if _mapping(item) else item for item in value]


def _keys_in_order(item: Mapping[str, Any]) -> dict[str, Any]:
    first = [key for key in _FIRST_KEYS if key in item]
    return {key: item[key] for key in dict.fromkeys([*first, *item])}


def _made(desired: DesiredState) -> Any:
    """What is on the host because of the configuration."""
    project = desired.project
    if project is None:
        return desired.container_name, declared(desired.config), desired.deliveries, desired.variables
    return project.name, project.directory, project.lock, project.files, desired.deliveries


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
