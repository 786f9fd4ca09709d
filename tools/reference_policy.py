"""The page about the policy file, made from its JSON Schema: every key with its type, default and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.policy_powers import ORDINARY_CAPABILITIES
from reconciler.core.policy_values import GUARDED, POLICY_FILE, SOCKETS
from reconciler.spec.schema import schema

NAME = "policy.v1.schema.json"

INTRODUCTION = f"""\
# Policy file

This page is made from `schemas/{NAME}` (`python -m tools.reference`). How to use it:
[say what documents may ask of a host](../how-to/host-policy.md).

The file is `{POLICY_FILE}` unless the setting `policy` names another. It is strict YAML, as documents are; a key
that is not on this page is an error. What is left out is refused, but for `registries`, `ports`, `maximum` and
`signatures`, which bound nothing then.
"""


def policy_page() -> str:
    """The whole page."""
    rules = schema(NAME)
    lines = [INTRODUCTION, *_table(rules), "", "## maximum", "", *_table(rules["properties"]["maximum"]), ""]
    lines += ["## signatures", "", *_table(rules["properties"]["signatures"]["items"]), ""]
    return "\n".join([*lines, *_constants()])


def _table(rules: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, value in rules["properties"].items():
        default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
        yield f"| `{key}` | {_type(value)} | {default} | {value['description']} |"


def _type(value: Mapping[str, Any]) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if value["type"] == "array":
        allowed = value["items"].get("enum")
        return f"list of {', '.join(f'`{word}`' for word in allowed)}" if allowed else "list"
    return " or ".join([value["type"]] if isinstance(value["type"], str) else value["type"])


def _constants() -> Iterator[str]:
    yield "## What is fixed\n"
    yield f"- Capabilities that need no permission: {_listed(sorted(ORDINARY_CAPABILITIES))}."
    yield (
        f"- Places that have to be named themselves: {_listed(GUARDED)}, the state directory, the folder of "
        "opened secrets, the identity, the registry credentials, the file of notifications, the policy file, the "
        "keys that it names."
    )
    yield f"- Sockets of engines: {_listed(SOCKETS)}, that of the setting `engine`.\n"


def _listed(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in words)
