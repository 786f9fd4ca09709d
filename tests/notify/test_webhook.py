"""The webhook against a real receiver over real HTTP, whatever the receiver does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from pathlib import Path

import pytest
import trustme

from reconciler.core.secret import Secret
from reconciler.notify.channel import Undelivered
from reconciler.notify.signature import LEAST, MOST, headers, read_secret
from reconciler.notify.webhook import Webhook, secret_of
from tests.notify.letters import a_letter
from tests.parts.ports import free_port
from tests.parts.webhook import Manner
from tests.parts.webhook import Webhook as Receiver

SECRET = Secret(b"s" * 32)
TIME_S = 0.5


def send(url: str, *, within_s: float = TIME_S) -> None:
    asyncio.run(Webhook("on-call", url, lambda: SECRET, within_s=within_s).send(a_letter()))


def refusal(receiver: Receiver, manner: Manner, **more: float) -> Undelivered:
    receiver.manner = manner
    with pytest.raises(Undelivered) as caught:
        send(receiver.url + "path?token=hunter2", **more)
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)
    return caught.value


def test_a_message_is_posted_as_json_and_signed(receiver: Receiver) -> None:
    send(receiver.url + "hook?team=a", within_s=5)
    (request,) = receiver.requests
    assert request.path == "/hook?team=a"
    assert request.body == a_letter().body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == a_letter().id
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 5
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    mac = base64.b64encode(hmac.new(b"s" * 32, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{mac}"


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification of Standard Webhooks."""
    secret = read_secret(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    body = b'{"test": 2432232314}'
    found = headers(secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, body=body)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("size", [LEAST, MOST])
def test_a_secret_may_have_a_prefix(size: int) -> None:
    text = base64.b64encode(b"k" * size)
    assert read_secret(text) == read_secret(b" whsec_" + text + b"\n") == Secret(b"k" * size)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hunter2!", "is not base64"),
        (b"\xff\xfe", "is not base64"),
        (base64.b64encode(b"k" * 23), "has 23 bytes, allowed: 24 to 64"),
        (base64.b64encode(b"k" * 65), "has 65 bytes, allowed: 24 to 64"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_told(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        read_secret(content)


def test_who_does_not_answer_is_waited_for_no_longer_than_the_time(receiver: Receiver) -> None:
    began = time.monotonic()
    error = refusal(receiver, "hang")
    assert time.monotonic() - began < TIME_S + 1
    assert (str(error), error.lasting) == ("no answer within 0.5 s", False)


@pytest.mark.parametrize("manner", ["cut", "garbage"])
def test_who_breaks_off_is_tried_again(receiver: Receiver, manner: Manner) -> None:
    error = refusal(receiver, manner, within_s=5)
    assert str(error).startswith("the connection broke off")
    assert not error.lasting


def test_nothing_is_read_of_an_endless_answer(receiver: Receiver) -> None:
    receiver.manner = "endless"
    began = time.monotonic()
    send(receiver.url, within_s=20)
    assert time.monotonic() - began < 5


def test_an_error_of_the_receiver_is_tried_again(receiver: Receiver) -> None:
    error = refusal(receiver, "fail")
    assert (str(error), error.lasting, error.retry_after) == ("it answers 500", False, None)


def test_who_is_busy_says_when_to_come_again(receiver: Receiver) -> None:
    error = refusal(receiver, "busy")
    assert (error.lasting, error.retry_after) == (False, 7.0)


def test_who_refuses_is_not_asked_again_at_once(receiver: Receiver) -> None:
    error = refusal(receiver, "refuse")
    assert (str(error), error.lasting) == ("it answers 403", True)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with Receiver() as other:
        receiver.location = other.url
        error = refusal(receiver, "redirect")
        assert other.requests == []
    assert error.lasting
    assert "redirects are not followed" in str(error)


def test_who_is_not_there_is_told_without_the_address() -> None:
    with pytest.raises(Undelivered) as caught:
        send(f"http://127.0.0.1:{free_port()}/?token=hunter2")
    assert str(caught.value) == "no connection: connection refused"


def test_a_certificate_of_nobody_we_know_is_not_trusted() -> None:
    async def serve() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await Webhook("a", f"https://127.0.0.1:{port}/", lambda: SECRET).send(a_letter())

    with pytest.raises(Undelivered, match="its certificate is not trusted"):
        asyncio.run(serve())


def test_a_secret_is_read_when_it_is_wanted_and_one_that_is_gone_is_told() -> None:
    known = {Path("key"): SECRET}

    def read(path: Path) -> Secret:
        if path not in known:
            raise ValueError(f"{path} is not there")
        return known[path]

    current = secret_of(Path("key"), read)
    assert current() is SECRET
    known.clear()
    with pytest.raises(Undelivered, match="its secret cannot be used: key is not there"):
        current()
