"""The fields of documents as their JSON Schema tells them: type, default, meaning, and what lies below.

One walk over the schema, for the reference and for ``explain``. A field with a named short notation (``Size``,
``Port``) leads to that notation. What the schema knows and this version refuses is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.spec.problem import Wrong, choices
from reconciler.spec.schema import DESIRED_STATE, schema

LATER = "Not carried out by this version."
TYPE_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "array": "list of text",
    "boolean": "true or false",
}
Rules = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """A short way of writing a value. ``written`` says how; ``fields``: those of its long way, if it has one."""

    title: str
    written: str
    examples: tuple[str, ...]
    meaning: str
    rules: Rules

    @property
    def fields(self) -> tuple[Field, ...]:
        return _below(self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """``default``: as it would be written, None where there is none. ``notation``: in which the value, or each of
    several, may be written; its title is the end of ``type``. ``rules``: of the value itself.
    """

    name: str
    type: str
    required: bool
    default: str | None
    meaning: str
    notation: Notation | None
    rules: Rules

    @property
    def below(self) -> tuple[Field, ...]:
        """The fields of the value, of each item of a list, or of each value of a mapping with free keys."""
        inner = _items(self.rules) or self.rules
        return _below(inner) if inner.get("type") == "object" else ()

    @property
    def parts(self) -> tuple[Field, ...]:
        """The same, or where there is a short way of writing it, the fields of the long one."""
        return self.below or (self.notation.fields if self.notation else ())


def field_at(kind: str, path: str) -> Field:
    """The field of a kind of documents at a dotted path (``spec.config.ports``; list places are passed over).

    Raises Wrong, saying what there is instead.
    """
    names = [name.partition("[")[0] for name in path.split(".")]
    field = _named(names[0], fields_of(kind), f"a {kind}")
    for place, name in enumerate(names[1:], start=1):
        where = f'"{".".join(names[:place])}" of a {kind}'
        if not field.parts:
            raise Wrong(f"{where} ({field.type}) has no fields of its own")
        field = _named(name, field.parts, where)
    return field


def _named(name: str, fields: tuple[Field, ...], where: str) -> Field:
    for field in fields:
        if field.name == name:
            return field
    raise Wrong(f'{where} has no field "{name}"{choices(name, [field.name for field in fields])}')


def places_of(kind: str, path: str) -> Iterator[str]:
    """Whole paths of all fields of a kind whose path ends with this one."""
    return (place for place in _places(fields_of(kind), "") if place.endswith(f".{path}"))


def _places(fields: tuple[Field, ...], where: str) -> Iterator[str]:
    for field in fields:
        yield where + field.name
        yield from _places(field.parts, f"{where}{field.name}.")


def fields_of(kind: str) -> tuple[Field, ...]:
    """The fields at the root of a kind of documents."""
    return _below(_definitions()[kind])


def notations() -> Iterator[Notation]:
    """All of them."""
    for name, rules in _definitions().items():
        if _is_notation(rules) and not is_later(rules):
            yield _notation(name)


def later(section: str) -> tuple[str, ...]:
    """Fields of a definition of the schema (``ContainerSpec``) that are known and refused."""
    return tuple(key for key, value in _definitions()[section]["properties"].items() if is_later(_resolved(value)))


def is_later(rules: Rules) -> bool:
    """Whether this version refuses it."""
    return str(rules.get("description", "")).endswith(LATER)


def _definitions() -> Rules:
    found: Rules = schema(DESIRED_STATE)["$defs"]
    return found


def _below(rules: Rules) -> tuple[Field, ...]:
    required = rules.get("required", ())
    allowed = {key: value for key, value in rules.get("properties", {}).items() if value is not False}
    found = ((key, value, _resolved(value)) for key, value in allowed.items())
    return tuple(
        Field(
            name=key,
            type=_type(value),
            required=key in required,
            default=as_written(whole["default"]) if "default" in whole else None,
            meaning=_meaning(whole, named=_is_named(value)),
            notation=_notation_in(value),
            rules=whole,
        )
        for key, value, whole in found
        if not is_later(whole)
    )


def _items(rules: Rules) -> Rules | None:
    """What each item of a list, or each value of a mapping with free keys, must be."""
    if rules.get("type") == "array":
        return _resolved(rules["items"])
    further = rules.get("additionalProperties")
    return _resolved(further) if isinstance(further, Mapping) else None


def _meaning(rules: Rules, *, named: bool) -> str:
    parts = [rules.get("description", rules.get("title", ""))]
    if "enum" in rules:
        parts.append("One of " + ", ".join(f"`{word}`" for word in rules["enum"]) + ".")
    if "const" in rules:
        parts.append(f"Always `{rules['const']}`.")
    if "patternErrorMessage" in rules and not named:
        parts.append(f"Allowed: {rules['patternErrorMessage']}.")
    if "minimum" in rules and "maximum" in rules and not named:
        parts.append(f"From {rules['minimum']} to {rules['maximum']}.")
    return " ".join(part for part in parts if part)


def _type(value: Rules) -> str:
    """In words; the title of a notation stands for itself."""
    if _is_named(value):
        return _title(_name(value))
    rules = _resolved(value)
    if rules.get("type") == "array":
        return f"list of {_type(rules['items'])}"
    if "const" in rules or "enum" in rules:
        return "word"
    if rules.get("type") == "object" and isinstance(rules.get("additionalProperties"), Mapping):
        return f"mapping to {_type(rules['additionalProperties'])}"
    types = [rules["type"]] if isinstance(rules.get("type"), str) else rules.get("type", [])
    return " or ".join(TYPE_WORDS[word] for word in types)


def _notation_in(value: Rules) -> Notation | None:
    """That of the value, of the items of a list, or of the values of a mapping with free keys."""
    while not _is_named(value):
        rules = _resolved(value)
        inner = rules["items"] if rules.get("type") == "array" else rules.get("additionalProperties")
        if not isinstance(inner, Mapping):
            return None
        value = inner
    return _notation(_name(value))


def _notation(name: str) -> Notation:
    rules = _definitions()[name]
    return Notation(
        title=_title(name),
        written=rules["patternErrorMessage"],
        examples=tuple(as_written(example) for example in rules.get("examples", ())),
        meaning=rules.get("description", ""),
        rules=rules,
    )


def _is_notation(rules: Rules) -> bool:
    return "pattern" in rules and "patternErrorMessage" in rules


def _is_named(value: Rules) -> bool:
    """Whether the value is written in a notation with a name."""
    return bool(_name(value)) and _is_notation(_definitions()[_name(value)])


def _name(value: Rules) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _title(name: str) -> str:
    return str(_definitions()[name].get("title", name))


def as_written(value: Any) -> str:
    """A value as a document would have it."""
    return value if isinstance(value, str) else json.dumps(value)


def _resolved(value: Rules) -> Rules:
    """The rules with their references followed; what stands beside them wins, field by field."""
    bases = [part["$ref"] for part in value.get("allOf", ()) if "$ref" in part]
    bases += [value["$ref"]] if "$ref" in value else []
    found: Rules = value
    for base in bases:
        below = _definitions()[base.rpartition("/")[2]]
        properties = {**below.get("properties", {}), **found.get("properties", {})}
        found = {**below, **found, **({"properties": properties} if properties else {})}
    return found
