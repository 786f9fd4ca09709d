"""``notify test``: messages to real receivers, and what is said of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.recorded import Ran, RecordedService, run
from tests.parts.webhook import Webhook


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with Webhook() as listening:
        yield listening


@pytest.fixture
def host(tmp_path: Path, receiver: Webhook) -> Path:
    """Two channels to one receiver."""
    key, file = tmp_path / "notify.key", tmp_path / "notify.yaml"
    key.write_bytes(base64.b64encode(b"k" * 32))
    channels = [{"name": name, "webhook": receiver.url + name, "secretFile": "notify.key"} for name in ("a", "b")]
    file.write_text(json.dumps({"version": 1, "channels": channels}))
    for path in (key, file):
        path.chmod(0o600)
    return tmp_path


def call(host: Path, *arguments: str) -> Ran:
    given = ("--notify", str(host / "notify.yaml"), "--target", "host-a")
    return run(RecordedService(), "notify", "test", *arguments, *given, folder=host)


def test_every_channel_is_tried_and_no_service_opened(host: Path, receiver: Webhook) -> None:
    ran = call(host)
    assert ran.status == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["CHANNEL", "TYPE", "RESULT"],
        ["a", "webhook", "sent"],
        ["b", "webhook", "sent"],
    ]
    assert ran.exclusive == []
    assert {body["title"] for body in receiver.received} == {"host-a: a test, nothing is the matter"}


def test_one_that_does_not_take_it_is_an_error(host: Path, receiver: Webhook) -> None:
    receiver.manner = "refuse"
    ran = call(host, "a", "--json")
    assert ran.status == 1
    assert json.loads(ran.out) == {
        "version": 1,
        "channels": [{"channel": "a", "type": "webhook", "error": "it answers 403"}],
    }


def test_a_channel_that_is_not_there_is_told_with_those_that_are(host: Path, receiver: Webhook) -> None:
    ran = call(host, "c")
    assert ran.status == 64
    assert "no channel is named c" in ran.err
    assert "known: a, b" in ran.err
    assert receiver.received == []
