"""Every message: what the schema allows is read and rendered as it came; nothing else gets past the reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import MessageRefused
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import ITEMS, KINDS, OF_AGENTS, OF_ORCHESTRATORS
from reconciler.protocol.reading import as_value, read, read_value, render
from reconciler.protocol.wire.canonical import canonical
from reconciler.protocol.wire.codec import keys
from reconciler.protocol.wire.limits import Limits
from reconciler.protocol.wire.rules import FILES, definitions, rules
from tests.protocol.valid import message, plain

EVERY = tuple(KINDS.values())
QUICK = settings(max_examples=60, deadline=None)
CHANCE = st.integers(0, 2**32).map(Random)
SECRET = "hunter2-Pa$$word"


@pytest.mark.parametrize("kind", KINDS)
def test_a_dataclass_has_the_keys_of_its_schema(kind: str) -> None:
    schema = rules(FILES[kind])
    assert {key: key in schema["required"] for key in schema["properties"]} == {
        "apiVersion": True,
        "kind": True,
        **keys(KINDS[kind]),
    }


def test_every_kind_has_a_file_and_a_side() -> None:
    assert set(FILES) == set(KINDS)
    assert {*OF_AGENTS, *OF_ORCHESTRATORS, *ITEMS} == set(EVERY)


def test_every_reference_of_the_schemas_leads_somewhere() -> None:
    found = definitions()
    wanted = {
        item["$ref"].removeprefix("#/$defs/") for item in _objects(found) if isinstance(item.get("$ref"), str)
    }
    assert wanted
    assert wanted <= found.keys()


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(random=CHANCE)
def test_what_the_schema_allows_is_read_and_rendered_as_it_came(kind: str, random: Random) -> None:
    value = message(kind, random)
    found = read(canonical(value), EVERY)
    assert type(found) is KINDS[kind]
    assert as_value(found) == value
    assert render(found) == canonical(value)
    assert read(render(found), (type(found),)) == found


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(random=CHANCE)
def test_a_valid_message_that_was_altered_is_read_or_refused(kind: str, random: Random) -> None:
    value = _altered(message(kind, random), random)
    found, refused = _outcome(lambda: read_value(value, EVERY))
    assert SECRET not in refused
    assert found is None or as_value(found) == value


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(random=CHANCE)
def test_bytes_of_a_valid_message_that_were_altered_are_read_or_refused(kind: str, random: Random) -> None:
    content = bytearray(canonical(message(kind, random)))
    for _ in range(random.randint(1, 4)):
        content[random.randrange(len(content))] = random.randrange(256)
    _read_or_refused(bytes(content))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(MessageRefused):
        read(content, EVERY)


@settings(max_examples=100, deadline=None)
@given(CHANCE, st.sampled_from(sorted(KINDS)))
def test_any_json_under_a_known_kind_is_refused_or_read(random: Random, kind: str) -> None:
    body = {name: plain(random) for name in ("session", "number", "tasks", "agent")}
    _read_or_refused(canonical({**body, "apiVersion": "fleet/v1", "kind": kind}))


PING = {"apiVersion": "fleet/v1", "kind": "Ping", "session": "00000000-0000-0000-0000-000000000001", "number": 1}


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (b"", "not-json", "not JSON"),
        (b"\xff\xfe", "not-json", "not JSON"),
        (b'{"a":1,"a":2}', "not-json", "a key twice"),
        (b'{"number":1.5}', "not-json", "no integer"),
        (b'{"number":NaN}', "not-json", "no integer"),
        (b'{"number":9007199254740992}', "not-json", "too large"),
        (b'{"number":' + b"9" * 5000 + b"}", "not-json", "too large"),
        (b'{"text":"\\ud800"}', "not-json", "no Unicode"),
        (b"[" * 100_000, "not-json", "is not JSON"),
        (b'{"a":' + b"[" * 60 + b"]" * 60 + b"}", "not-json", "nested too deeply"),
        (b'{"a":' + b"[" * 28 + b"]" * 28 + b"}", "too-large", "deeper than 24"),
        (b'{"a":[' + b"0," * 200_000 + b"0]}", "too-large", "values"),
        (b" " * (4 << 20) + b"{}", "too-large", "bytes"),
        (b"[]", "not-json", "not a JSON object"),
        (b"{}", "unknown-version", "fleet/v1"),
        (json.dumps({**PING, "apiVersion": "fleet/v2"}).encode(), "unknown-version", "fleet/v1"),
        (json.dumps({**PING, "kind": "Pingg"}).encode(), "unknown-kind", "Hello, "),
        (json.dumps({**PING, "kind": ["Ping"]}).encode(), "unknown-kind", "kind is not one"),
        (json.dumps({**PING, "number": -1}).encode(), "invalid", "number must be 0 at least"),
        (json.dumps({**PING, "number": True}).encode(), "invalid", "number must be of type integer"),
        (json.dumps({**PING, "extra": 1}).encode(), "invalid", "(extra)"),
        (json.dumps({**PING, f"x {SECRET}": 1}).encode(), "invalid", "(a key)"),
        (json.dumps({**PING, "mustUnderstand": "canary"}).encode(), "invalid", "list of names"),
        (json.dumps({**PING, "mustUnderstand": ["canary"]}).encode(), "not-understood", "(canary)"),
        (json.dumps({**PING, "mustUnderstand": ["\n" + SECRET]}).encode(), "not-understood", "not known here"),
        (json.dumps({"apiVersion": "fleet/v1", "kind": "Ping", "number": 1}).encode(), "invalid", "lacks session"),
    ],
)
def test_a_refusal_says_what_and_where(content: bytes, reason: str, words: str) -> None:
    with pytest.raises(MessageRefused, match=None) as caught:
        read(content, EVERY)
    assert caught.value.reason == reason
    assert words in str(caught.value).replace("deeper in each other than", "deeper than")
    assert SECRET not in str(caught.value)


def test_a_kind_of_the_other_side_is_refused_by_name() -> None:
    with pytest.raises(MessageRefused, match="Welcome is none of Hello"):
        read(json.dumps({"apiVersion": "fleet/v1", "kind": "Welcome"}).encode(), OF_AGENTS)


def test_an_unknown_extension_is_kept_and_ignored() -> None:
    value = {**PING, "extensions": {"colour": {"sky": "blue"}}}
    assert as_value(read(canonical(value), EVERY)) == value


def test_what_an_answer_holds_must_be_understood_too() -> None:
    inner = {"apiVersion": "fleet/v1", "kind": "Assignments", "mustUnderstand": ["waves"]}
    value = {"apiVersion": "fleet/v1", "kind": "HeartbeatAnswer", "assignments": [inner]}
    with pytest.raises(MessageRefused, match="waves") as caught:
        read_value(value, EVERY)
    assert caught.value.reason == "not-understood"


def test_a_day_that_no_calendar_has_is_refused() -> None:
    value = {
        "apiVersion": "fleet/v1",
        "kind": "Welcome",
        "session": PING["session"],
        "version": "fleet/v1",
        "understands": [],
        "serverTime": "2026-02-30T00:00:00Z",
        "setId": "s",
        "intervalSeconds": 30,
        "reconnectSpreadSeconds": 5,
        "maxMessageBytes": 1024,
        "maxLogChunkBytes": 256,
    }
    with pytest.raises(MessageRefused, match="no calendar"):
        read_value(value, EVERY)


def test_readers_keep_to_the_limits_that_they_are_given() -> None:
    chunk = {
        "apiVersion": "fleet/v1",
        "kind": "LogChunk",
        "session": PING["session"],
        "taskId": PING["session"],
        "attempt": 1,
        "number": 0,
        "droppedChunks": 0,
        "text": "é" * 10,
        "last": False,
    }
    assert read_value(chunk, EVERY, limits=Limits(log_bytes=20))
    with pytest.raises(MessageRefused, match="text has 20; 19 are taken") as caught:
        read_value(chunk, EVERY, limits=Limits(log_bytes=19))
    assert (caught.value.reason, caught.value.where) == ("too-large", "text")
    assignments = {
        "apiVersion": "fleet/v1",
        "kind": "Assignments",
        "session": PING["session"],
        "setId": "s",
        "mode": "full",
        "appliesTo": 0,
        "resultsIn": 1,
        "part": 1,
        "parts": 1,
        "documents": [],
        "removedDocuments": [],
        "tasks": [{}] * 3,
        "removedTasks": [],
        "cancels": [],
    }
    with pytest.raises(MessageRefused, match="tasks has 3; 2 are taken"):
        read_value(assignments, EVERY, limits=Limits(tasks=2))


def _read_or_refused(content: bytes) -> None:
    found, _ = _outcome(lambda: read(content, EVERY))
    assert found is None or read(render(found), EVERY) == found


def _outcome(reader: Callable[[], Message]) -> tuple[Message | None, str]:
    """What was read, or why it was refused. No other error comes out of a reader."""
    try:
        return reader(), ""
    except MessageRefused as error:
        refused = error
    assert refused.reason in MessageRefused.REASONS
    return None, f"{refused} {refused.where}"


def _altered(value: Any, random: Random) -> Any:
    """One place of it taken away, exchanged or added to."""
    place = random.choice(list(_containers(value)))
    junk = random.choice([SECRET, plain(random)])
    if isinstance(place, list):
        place.insert(0, junk)
        return value
    key = random.choice([*place, "extra", SECRET])
    if random.random() < 0.3:
        place.pop(key, None)
    else:
        place[key] = junk
    return value


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for below in value.values() if isinstance(value, dict) else value:
            yield from _containers(below)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in _containers(value) if isinstance(item, dict))
