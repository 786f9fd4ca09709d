"""What the page about notifications tells a receiver to do, done with what is really sent."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.notify.signature import read_secret
from reconciler.notify.webhook import Webhook
from reconciler.spec.schema import schema
from tests.docs.pages import ROOT, blocks
from tests.notify.letters import a_letter
from tests.parts.webhook import Request
from tests.parts.webhook import Webhook as Receiver

PAGE = ROOT / "docs" / "how-to" / "notify.md"
SECRET = base64.b64encode(b"k" * 32).decode() + "\n"
Verify = Callable[[str, Mapping[str, str], bytes], bool]


def block(language: str) -> str:
    (text,) = (item.text for item in blocks(PAGE) if item.language == language)
    return text


@pytest.fixture
def verify() -> Verify:
    names: dict[str, Any] = {}
    exec(compile(block("python"), str(PAGE), "exec"), names)  # noqa: S102  (our own page)
    found: Verify = names["verify"]
    return found


@pytest.fixture
def request_sent(receiver: Receiver) -> Request:
    asyncio.run(Webhook("on-call", receiver.url, lambda: read_secret(SECRET.encode())).send(a_letter()))
    (request,) = receiver.requests
    return request


def test_what_is_sent_is_found_genuine(verify: Verify, request_sent: Request) -> None:
    assert verify(SECRET, request_sent.headers, request_sent.body)
    assert verify("whsec_" + SECRET, request_sent.headers, request_sent.body)


def test_what_somebody_else_signed_or_changed_is_not(verify: Verify, request_sent: Request) -> None:
    headers, body = dict(request_sent.headers), request_sent.body
    assert not verify(base64.b64encode(b"x" * 32).decode(), headers, body)
    assert not verify(SECRET, headers, body.replace(b"web", b"db"))
    assert not verify(SECRET, headers | {"webhook-id": "0" * 31 + "1"}, body)


def test_what_is_repeated_later_is_not(
    verify: Verify, request_sent: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = request_sent.headers
    fresh = dict(old) | {"webhook-timestamp": str(int(old["webhook-timestamp"]) + 400)}
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 400)
    assert not verify(SECRET, old, request_sent.body)
    assert not verify(SECRET, fresh, request_sent.body), "a new time needs a new signature"


def test_the_message_shown_is_one_by_the_schema() -> None:
    jsonschema.validate(json.loads(block("json")), schema("notification.v1.schema.json"))


def test_the_schema_is_where_the_page_says() -> None:
    assert "schemas/notification.v1.schema.json" in PAGE.read_text()
    assert (Path(ROOT) / "schemas" / "notification.v1.schema.json").exists()
