"""The JSON Schemas of documents: one compiled validator per kind.

The schema is chosen by ``kind`` before validating, so that an error is about what was meant. Only local
references are used; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from reconciler.schema_files import schema as schema  # noqa: PLC0414  (part of what is spoken of here)
from reconciler.spec.problem import Path

if TYPE_CHECKING:
    import jsonschema_rs

KINDS = ("Container", "ComposeProject", "Defaults")
API_VERSION = "stella/v1"
DESIRED_STATE = "desired-state.v1.schema.json"
LOCK_FILE = "compose-lock.v1.schema.json"
LOCK_KIND = "ComposeLock"
"""What is said of a lock file as a whole where documents have their kind."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: ``keyword`` of ``schema`` (with its value ``rule``) does not hold for ``found``."""

    path: Path
    keyword: str
    rule: Any
    found: Any
    schema: Any


def violations(kind: str, document: Mapping[str, Any]) -> Iterator[Violation]:
    """What in ``document`` (or a lock file) breaks the rules of its kind, in no particular order."""
    validator = _validator(kind)
    if validator.is_valid(document):
        return
    for error in validator.iter_errors(document):
        where = error.schema_path[:-1]
        path = tuple(error.instance_path)
        if error.kind.name == "propertyNames":
            inner = cast("Any", error.kind).error
            yield Violation(
                (*path, inner.instance), inner.kind.name, inner.kind.value, inner.instance, _walk(where)
            )
        elif error.kind.name == "falseSchema":
            yield Violation(path, "falseSchema", None, error.instance, False)  # noqa: FBT003  (the schema itself)
        else:
            yield Violation(path, error.kind.name, error.kind.value, error.instance, _walk(where))


def wants_number(kind: str, path: Path) -> bool:
    """Whether a decimal fraction may stand at ``path``."""
    return "number" in _types(_below(_definition(kind), path))


def titled(kind: str, value: Any) -> Iterator[tuple[Path, str, Any]]:
    """Every value that is not a mapping or list, with its path and the title of its schema."""
    yield from _titled(_definition(kind), value, ())


def _titled(rules: Any, value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    rules = _resolved(rules)
    if isinstance(value, dict):
        keys, others = rules.get("properties", {}), rules.get("additionalProperties")
        for key, below in value.items():
            yield from _titled(keys.get(key, others), below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _titled(rules.get("items"), below, (*path, index))
    else:
        yield path, rules.get("title", ""), value


def known_keys(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that an object schema allows, with their schemas resolved."""
    return {key: _resolved(value) for key, value in rules.get("properties", {}).items()}


@cache
def config_keys() -> tuple[str, ...]:
    """The keys of ``spec.config``."""
    return tuple(_definition("Config")["properties"])


@cache
def _validator(kind: str) -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # noqa: PLC0415  (paid by those who read documents only)

    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": _definitions()})


@cache
def _definitions() -> Mapping[str, Any]:
    """Of documents and of lock files, which have no name in common."""
    return {**schema(DESIRED_STATE)["$defs"], **schema(LOCK_FILE)["$defs"]}


def _definition(name: str) -> Mapping[str, Any]:
    definition: Mapping[str, Any] = _definitions()[name]
    return definition


def _walk(where: list[Any]) -> Any:
    found: Any = {"$defs": _definitions()}
    for part in where:
        found = found[part]
    return found


def _resolved(rules: Any) -> Any:
    """A schema with its references followed; values beside a reference win."""
    if not isinstance(rules, dict):
        return {}
    for base in (*({"$ref": rules["$ref"]} for _ in range("$ref" in rules)), *rules.get("allOf", ())):
        target = _resolved(_definition(base["$ref"].rpartition("/")[2]))
        rules = {**target, **rules, "properties": {**target.get("properties", {}), **rules.get("properties", {})}}
    return rules


def _below(rules: Any, path: Path) -> Any:
    for part in path:
        rules = _resolved(rules)
        keys = rules.get("properties", {})
        rules = rules.get("items") if isinstance(part, int) else keys.get(part, rules.get("additionalProperties"))
    return _resolved(rules)


def _types(rules: Mapping[str, Any]) -> tuple[str, ...]:
    types = rules.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)
