"""The rules of messages: their JSON Schemas, put together so that nothing is fetched, and what breaks them in
words.

A message names its kind, and the rules are chosen by it. Words about what is broken name the place and the rule,
never the value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import MessageRefused
from reconciler.schema_files import schema

if TYPE_CHECKING:
    import jsonschema_rs

FILES: Final[Mapping[str, str]] = {
    "Hello": "hello",
    "Welcome": "welcome",
    "Heartbeat": "heartbeat",
    "HeartbeatAnswer": "heartbeat-answer",
    "Assignments": "assignments",
    "AgentTask": "agent-task",
    "AssignedDocument": "assigned-document",
    "TaskResult": "task-result",
    "LogChunk": "log-chunk",
    "Acknowledgement": "acknowledgement",
    "Ping": "ping",
    "Pong": "pong",
    "Close": "close",
}
"""The file of each kind of message, in the order in which a reader meets them."""

COMMON: Final = "common"
API: Final = "api"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_MOST = 100
"""How many broken rules are looked at before one is told."""


def file_name(part: str) -> str:
    """The schema's file."""
    return f"fleet-{part}.v1.schema.json"


@cache
def rules(part: str) -> Mapping[str, Any]:
    """A schema file's content, references to other files made local: ``#/$defs/FILE``, ``#/$defs/FILE.NAME``."""
    content = schema(file_name(part))
    return {
        key: _local(value, part) for key, value in content.items() if key not in {"$schema", "$id", "$defs"}
    } | {"$defs": {f"{part}.{name}": _local(value, part) for name, value in content.get("$defs", {}).items()}}


@cache
def definitions() -> Mapping[str, Any]:
    """Every schema and every part of one, by the names that the local references have."""
    found: dict[str, Any] = {}
    for part in (COMMON, API, *FILES.values()):
        content = dict(rules(part))
        found |= content.pop("$defs")
        found[part] = content
    return found


def check(name: str, value: Any) -> None:
    """Refuse a value that is not as the schema of this name (``heartbeat``, ``api.Token``) wants it. It must hold
    no half of a surrogate pair, as what ``reading.values`` returns.
    """
    validator = _validator(name)
    if validator.is_valid(value):
        return
    broken = sorted(
        ((tuple(error.instance_path), error.kind) for error in islice(validator.iter_errors(value), _MOST)),
        key=lambda item: (len(item[0]), str(item[0]), item[1].name),
    )
    where, kind = broken[0]
    raise MessageRefused(f"{place(where)} {_words(kind)}", reason="invalid", where=place(where))


def place(path: Iterable[str | int]) -> str:
    """A path as people read it. A key that is no plain name may be anything, and is not shown."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if _NAME.fullmatch(part) else ".(a key)"
    return text.removeprefix(".") or "the message"


@cache
def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # noqa: PLC0415  (paid by those who read messages only)

    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions()})


def _local(value: Any, part: str) -> Any:
    if isinstance(value, list):
        return [_local(item, part) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _reference(item, part) if key == "$ref" else _local(item, part) for key, item in value.items()}


def _reference(text: str, part: str) -> str:
    file, _, inner = text.partition("#/$defs/")
    other = file.removeprefix("fleet-").removesuffix(".v1.schema.json") or part
    return f"#/$defs/{other}.{inner}" if inner else f"#/$defs/{other}"


def _words(kind: Any) -> str:
    return next(
        (words(kind) for names, words in WORDS.items() if kind.name in names),
        "does not have the form that the schema wants",
    )


WORDS: Final[Mapping[tuple[str, ...], Callable[[Any], str]]] = {
    ("required",): lambda kind: f"lacks {kind.property}",
    ("additionalProperties",): lambda kind: (
        f"has keys that do not belong there ({', '.join(sorted(map(_shown, kind.unexpected))[:5])})"
    ),
    ("type",): lambda kind: f"must be of type {' or '.join(kind.types)}",
    ("enum",): lambda kind: f"must be one of {', '.join(map(str, kind.options))}",
    ("const",): lambda kind: f"must be {kind.expected_value}",
    ("maximum", "maxLength", "maxItems"): lambda kind: f"may be {kind.limit} at most",
    ("minimum", "minLength", "minItems"): lambda kind: f"must be {kind.limit} at least",
    ("uniqueItems",): lambda _: "names something twice",
}
"""What is told of a broken rule, by its keyword."""


def _shown(key: str) -> str:
    return key if _NAME.fullmatch(key) else "a key"
