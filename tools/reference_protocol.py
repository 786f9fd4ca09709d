"""The page about the messages between orchestrator and agents, made from their JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import ITEMS, OF_AGENTS, OF_ORCHESTRATORS
from reconciler.protocol.states import ENDS, RANKS
from reconciler.protocol.wire.codec import API_VERSION
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.protocol.wire.rules import FILES, definitions, file_name

INTRODUCTION = f"""\
# Fleet protocol

This page is made from the schemas of the messages (`python -m tools.reference`). Where they are sent:
[fleet API](fleet-api.md). Why they are as they are:
[decision 25](../decisions/0025-a-protocol-without-sockets.md).

A message is one JSON object with `apiVersion: {API_VERSION}` and its `kind`. Numbers are whole, texts are Unicode,
no key stands twice. A key that is not on this page is refused. What later versions add stands in `extensions`, by
name: unknown ones are ignored, unless `mustUnderstand` names them; then the message is refused, with the reason.
Times are RFC 3339 in UTC; a number's unit is in its name.

Readers take at most {DEFAULT.message_bytes >> 20} MiB a message, {DEFAULT.depth} levels of lists and objects,
{DEFAULT.tasks} tasks and {DEFAULT.documents} documents in one, and {DEFAULT.log_bytes >> 10} KiB of a log in one.
"""


def protocol_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_overview(), *_states(), *_kinds(), *_common()])


def _overview() -> Iterator[str]:
    yield "## Who says what\n"
    yield "| message | sent by | what it is | schema |"
    yield "| --- | --- | --- | --- |"
    for kind, part in FILES.items():
        rules = definitions()[part]
        yield f"| [{kind}](#{kind.lower()}) | {_sender(kind)} | {rules['description']} | `{file_name(part)}` |"
    yield ""


def _sender(kind: str) -> str:
    if kind in {item.KIND for item in ITEMS}:
        return "orchestrator, in assignments"
    sides: dict[str, tuple[type[Message], ...]] = {"agent": OF_AGENTS, "orchestrator": OF_ORCHESTRATORS}
    return ", ".join(name for name, side in sides.items() if kind in {item.KIND for item in side})


def _states() -> Iterator[str]:
    yield "## States of a task\n"
    order = sorted(RANKS, key=lambda state: RANKS[state])
    yield f"Forward only: {', '.join(f'`{state}`' for state in order)}."
    yield "The last five are ends that stay; `unknown` is an end that a later, definite result replaces.\n"
    yield "| outcome | state |"
    yield "| --- | --- |"
    yield from (f"| `{outcome}` | `{state}` |" for outcome, state in ENDS.items())
    yield ""


def _kinds() -> Iterator[str]:
    for kind, part in FILES.items():
        yield from _section(kind, definitions()[part], level=2)
        below = {name: rules for name, rules in definitions().items() if name.startswith(f"{part}.")}
        for name, rules in below.items():
            if rules.get("properties"):
                yield from _section(name.partition(".")[2], rules, level=3)


def _common() -> Iterator[str]:
    yield "## Common parts\n"
    for name, rules in definitions().items():
        if name.startswith("common.") and rules.get("properties"):
            yield from _section(name.partition(".")[2], rules, level=3)
    yield "### Notations\n"
    yield "| name | what it is |"
    yield "| --- | --- |"
    for name, rules in definitions().items():
        if name.startswith("common.") and not rules.get("properties"):
            words = f" Allowed: {rules['patternErrorMessage']}." if "patternErrorMessage" in rules else ""
            yield f"| {name.partition('.')[2]} | {rules['description']}{words} |"
    yield ""


def _section(name: str, rules: Mapping[str, Any], *, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}\n"
    yield f"{rules['description']}\n"
    yield "| key | type | | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, below in rules["properties"].items():
        needed = "required" if key in rules["required"] else ""
        yield f"| `{key}` | {_type(below)} | {needed} | {_meaning(below)} |"
    yield ""
    for key, below in rules["properties"].items():
        items = below.get("items", below)
        if items.get("properties"):
            yield from _section(f"{name}.{key}", items, level=min(level + 1, 4))


def _type(rules: Mapping[str, Any]) -> str:
    if "$ref" in rules:
        name = rules["$ref"].removeprefix("#/$defs/")
        kind = next((kind for kind, part in FILES.items() if part == name), name.rpartition(".")[2])
        return f"[{kind}](#{kind.lower() if definitions()[name].get('properties') else 'notations'})"
    if "const" in rules:
        return f"`{rules['const']}`"
    if rules["type"] == "array":
        return f"list of {_type(rules['items'])}"
    return "mapping" if rules["type"] == "object" else {"string": "text"}.get(rules["type"], rules["type"])


def _meaning(rules: Mapping[str, Any]) -> str:
    told = rules.get("description") or definitions()[rules["$ref"].removeprefix("#/$defs/")]["description"]
    words = rules.get("enum") or rules.get("items", {}).get("enum")
    listed = f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
    bounds = [f"at least {rules[key]}" for key in ("minimum", "minItems") if rules.get(key)]
    bounds += [
        f"at most {rules[key]}"
        for key in ("maximum", "maxItems", "maxLength")
        if 0 < rules.get(key, 0) < 2**53 - 1
    ]
    return f"{told}{listed}" + (f" ({', '.join(bounds)})" if bounds else "")
