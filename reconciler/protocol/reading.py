"""Text to messages and back. Whatever comes in, the only error that goes out is MessageRefused.

The order is from cheap to dear, so that little is spent on what is refused: bytes, JSON, depth and number of
values, version and kind, what must be understood, the schema, and last the counts and sizes that the reader's
Limits allow. Rendering what was read gives the same values in the canonical form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from reconciler import strict_json
from reconciler.errors import MessageRefused
from reconciler.protocol.message.common import UNDERSTOOD, Message
from reconciler.protocol.message.document import AssignedDocument, version_of
from reconciler.protocol.message.kinds import KINDS
from reconciler.protocol.message.result import LogChunk, TaskResult
from reconciler.protocol.message.session import Assignments, Heartbeat, HeartbeatAnswer
from reconciler.protocol.wire.canonical import canonical
from reconciler.protocol.wire.codec import API_VERSION, from_json, to_json
from reconciler.protocol.wire.limits import DEFAULT, Limits
from reconciler.protocol.wire.rules import FILES, check

M = TypeVar("M", bound=Message)


def read(content: bytes, kinds: Iterable[type[Message]], *, limits: Limits = DEFAULT) -> Message:
    """The message in ``content``, one of ``kinds``. Raises MessageRefused."""
    return read_value(values(content, limits), kinds, limits=limits)


def read_value(value: Any, kinds: Iterable[type[Message]], *, limits: Limits = DEFAULT) -> Message:
    """The message that a JSON value of ``values`` is: one of ``kinds``, or an item of assignments."""
    expected = {kind.KIND: kind for kind in kinds}
    kind = expected[_kind(value, expected)]
    for part in (value, *_embedded(value)):
        _understood(part)
    check(FILES[kind.KIND], value)
    try:
        message = from_json(kind, value)
    except ValueError:
        _refuse(f"{kind.KIND} has a time that no calendar has", "invalid")
    _within(message, limits)
    return message


def read_item(value: Any, kind: type[M], *, limits: Limits = DEFAULT) -> M:
    """One item of assignments, as ``kind``."""
    message = read_value(value, (kind,), limits=limits)
    if not isinstance(message, kind):  # read_value gives what it is asked for
        raise TypeError(kind)
    return message


def render(message: Message) -> bytes:
    """The message's JSON in its canonical form."""
    return canonical(as_value(message))


def as_value(message: Message) -> dict[str, Any]:
    """The message as a JSON object: what stands in assignments for a task or document, and what is signed."""
    said: dict[str, Any] = to_json(message)
    return said


def values(content: bytes, limits: Limits) -> dict[str, Any]:
    """The JSON value in ``content``: whole numbers and texts that can be written again, no key twice, within
    limits.
    """
    if len(content) > limits.message_bytes:
        _refuse(f"a message of {len(content)} bytes; {limits.message_bytes} are taken", "too-large")
    try:
        value = strict_json.read(content, limit=limits.message_bytes)
    except ValueError as error:
        _refuse(f"it {error}", "not-json")
    _bounded(value, limits)
    return value


def _bounded(value: Any, limits: Limits) -> None:
    level, count = [value], 0
    for _ in range(limits.depth + 1):
        count += len(level)
        if count > limits.values:
            _refuse(f"more than {limits.values} values", "too-large")
        level = [item for part in level for item in _below(part)]
        if not level:
            return
    _refuse(f"lists and objects lie deeper in each other than {limits.depth} levels", "too-large")


def _below(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _kind(value: Any, expected: Mapping[str, type[Message]]) -> str:
    if not isinstance(value, dict):
        _refuse("a message is a JSON object", "invalid")
    if value.get("apiVersion") != API_VERSION:
        _refuse(
            f"apiVersion is another one than {API_VERSION}, which is spoken here", "unknown-version", "apiVersion"
        )
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in expected:
        told = f"{kind} is none" if isinstance(kind, str) and kind in KINDS else "kind is not one"
        _refuse(f"{told} of {', '.join(expected)}, which are taken here", "unknown-kind", "kind")
    return kind


def _embedded(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Messages within a message; items of assignments are read on their own."""
    below = value.get("assignments") if value.get("kind") == HeartbeatAnswer.KIND else ()
    yield from (item for item in (below if isinstance(below, list) else ()) if isinstance(item, dict))


def _understood(value: Mapping[str, Any]) -> None:
    """Looked at before the schema: what is to be understood may be why the rest looks wrong."""
    wanted = value.get("mustUnderstand", [])
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        _refuse("mustUnderstand is a list of names", "invalid", "mustUnderstand")
    unknown = sorted(set(wanted) - UNDERSTOOD)
    if unknown:
        named = ", ".join(name for name in unknown if name.isascii() and name.isprintable() and len(name) < 64)
        _refuse(
            f"mustUnderstand names what is not known here{f' ({named})' if named else ''}",
            "not-understood",
            "mustUnderstand",
        )


def _within(message: Message, limits: Limits) -> None:
    for where, found, most in _measures(message, limits):
        if found > most:
            _refuse(f"{where} has {found}; {most} are taken", "too-large", where)
    if isinstance(message, AssignedDocument) and message.version != version_of(message.text, message.artifacts):
        _refuse("version is not that of text and artifacts", "invalid", "version")


def _measures(message: Message, limits: Limits) -> Iterator[tuple[str, int, int]]:
    match message:
        case Assignments():
            yield "tasks", len(message.tasks), limits.tasks
            yield "documents", len(message.documents), limits.documents
        case HeartbeatAnswer():
            yield "tasks", sum(len(item.tasks) for item in message.assignments), limits.tasks
            yield "documents", sum(len(item.documents) for item in message.assignments), limits.documents
        case Heartbeat():
            yield "tasks", len(message.tasks), limits.tasks
            yield "documents", len(message.documents), limits.documents
        case LogChunk():
            yield "text", len(message.text.encode()), limits.log_bytes
        case TaskResult():
            yield "logs", len(message.logs.encode()), limits.log_bytes
            yield "outputs", len(canonical(message.outputs or {})), limits.output_bytes
        case _:
            return


def _refuse(what: str, reason: str, where: str = "") -> NoReturn:
    raise MessageRefused(f"a message is refused: {what}", reason=reason, where=where) from None
