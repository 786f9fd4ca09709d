"""The page about documents, made from their JSON Schema: every field with its type, default and meaning.

A field whose value is an object of its own gets a row and a section; a field with a named short notation
(``Size``, ``Port``) gets a row that leads to the table of notations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.spec.schema import API_VERSION, DESIRED_STATE, schema

LATER = "Not carried out by this version."

INTRODUCTION = f"""\
# Documents

This page is made from `schemas/{DESIRED_STATE}` (`python -m tools.reference`).
Editors that know JSON Schema complete and check documents that begin with

```yaml
# yaml-language-server: $schema=../schemas/{DESIRED_STATE}
```

A document has `apiVersion: {API_VERSION}` and a `kind`. A file holds one document, or several with `---` between
them. Files are `*.yaml` and `*.yml` in the folder and in folders below it; names that begin with `.`, `~` or `#`
are passed over, and links that leave the folder are refused. A key that is not on this page is an error.

The YAML is strict: no duplicate keys, anchors, aliases or tags; files of at most 1 MiB. `no`, `on` and `22:22`
are texts; a number where a text is wanted (`1.10`, `8080`) must be quoted.

Worked examples, each field once: [`examples/`](../../examples/).
"""

ROOTS = (
    ("Container", "One container on a Docker host."),
    (
        "ComposeProject",
        (
            "Services that belong together, from a lock file that `reconciler lock` writes. Lock file and\n"
            "`configFiles` lie beside the document or in folders below it, and are no documents,\n"
            "whatever they are called; `*.lock.yml` and Compose's own names (`compose.yaml`) are passed over."
        ),
    ),
    ("Defaults", "Values merged under those of every document of the folder; at most one per folder."),
)


WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "array": "list of text",
    "boolean": "true or false",
}


def documents_page() -> str:
    """The whole page."""
    definitions = schema(DESIRED_STATE)["$defs"]
    return "\n".join([INTRODUCTION, *_roots(definitions), *_notations(definitions), *_later(definitions)])


def _roots(definitions: Mapping[str, Any]) -> Iterator[str]:
    for name, meaning in ROOTS:
        yield f"## {name}\n\n{meaning}\n"
        yield from _fields(definitions[name], definitions)
        if name != "Defaults":
            yield from _sections(definitions[name], "", definitions)
        else:
            spec = ", ".join(f"`{key}`" for key in definitions["DefaultsSpec"]["properties"])
            yield f"`spec` takes {spec}, with the fields of a Container except `config.containerName`."
            yield "A ComposeProject takes what it has itself: `config.healthCheck.timeout`, `strategy` without"
            yield "`order`, a `sticker` on the host, `drift` without paths of `config`, `suspend` and"
            yield "`deletionPolicy`."
            yield "Labels in `metadata` are given to every document. What a document says itself wins; mappings"
            yield "are merged, lists are replaced.\n"


def _sections(rules: Mapping[str, Any], path: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    for key, value in rules["properties"].items():
        whole = _resolved(value, definitions)
        below = _object_in(whole, definitions)
        if below is None or _is_later(whole):
            continue
        name = f"{path}.{key}" if path else key
        yield f"### {name}\n"
        yield from _fields(below, definitions)
        yield from _sections(below, name, definitions)


def _object_in(rules: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The object that deserves a section: the value itself, or the items of a list where all are objects."""
    if rules.get("type") == "array":
        rules = _resolved(rules["items"], definitions)
    return rules if rules.get("type") == "object" and "properties" in rules else None


def _fields(rules: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    required = rules.get("required", ())
    yield "| field | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, value in rules["properties"].items():
        whole = _resolved(value, definitions)
        if _is_later(whole):
            continue
        default = "required" if key in required else _value(whole["default"]) if "default" in whole else ""
        cells = (
            f"`{key}`",
            _type(value, definitions),
            default,
            _meaning(whole, notation=_is_named(value, definitions)),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _meaning(rules: Mapping[str, Any], *, notation: bool) -> str:
    parts = [rules.get("description", rules.get("title", ""))]
    if "enum" in rules:
        parts.append("One of " + ", ".join(f"`{word}`" for word in rules["enum"]) + ".")
    if "const" in rules:
        parts.append(f"Always `{rules['const']}`.")
    if "patternErrorMessage" in rules and not notation:
        parts.append(f"Allowed: {rules['patternErrorMessage']}.")
    if "minimum" in rules and "maximum" in rules and not notation:
        parts.append(f"From {rules['minimum']} to {rules['maximum']}.")
    return " ".join(part for part in parts if part)


def _type(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    name = _name(value)
    if _is_named(value, definitions):
        return f"[{_title(definitions[name], name)}](#notations)"
    rules = _resolved(value, definitions)
    if rules.get("type") == "array":
        return f"list of {_type(rules['items'], definitions)}"
    if "const" in rules or "enum" in rules:
        return "word"
    if rules.get("type") == "object" and isinstance(rules.get("additionalProperties"), Mapping):
        return f"mapping to {_type(rules['additionalProperties'], definitions)}"
    types = [rules["type"]] if isinstance(rules.get("type"), str) else rules.get("type", [])
    return " or ".join(WORDS[word] for word in types)


def _notations(definitions: Mapping[str, Any]) -> Iterator[str]:
    yield "## Notations\n"
    yield "| notation | how it is written | examples | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, rules in definitions.items():
        if not _is_notation(rules) or _is_later(rules):
            continue
        examples = ", ".join(_value(example) for example in rules.get("examples", ()))
        cells = (_title(rules, name), rules["patternErrorMessage"], examples, rules.get("description", ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    for name, rules in definitions.items():
        if _is_notation(rules) and "properties" in rules:
            yield f"A {_title(rules, name).lower()} as a mapping:\n"
            yield from _fields(rules, definitions)


def _later(definitions: Mapping[str, Any]) -> Iterator[str]:
    """What the schema knows and this version refuses."""
    spec, config = definitions["ContainerSpec"]["properties"], definitions["Config"]["properties"]
    names = [
        *(f"`spec.{key}`" for key, value in spec.items() if _is_later(_resolved(value, definitions))),
        *(f"`spec.config.{key}`" for key, value in config.items() if _is_later(_resolved(value, definitions))),
    ]
    yield "## Refused by this version\n"
    yield f"{', '.join(names)} are known and refused, never ignored.\n"


def _is_notation(rules: Mapping[str, Any]) -> bool:
    return "pattern" in rules and "patternErrorMessage" in rules


def _is_named(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Whether the value is written in a notation that the table of notations explains."""
    return bool(_name(value)) and _is_notation(definitions[_name(value)])


def _name(value: Mapping[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _is_later(rules: Mapping[str, Any]) -> bool:
    return str(rules.get("description", "")).endswith(LATER)


def _title(rules: Mapping[str, Any], name: str) -> str:
    return str(rules.get("title", name))


def _value(value: Any) -> str:
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _resolved(value: Any, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rules with their reference followed; what stands beside it wins."""
    if not isinstance(value, Mapping):
        return {}
    if "$ref" not in value:
        return value
    return {**definitions[_name(value)], **value}
