"""Apprise, by its json:// service to a real receiver."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from reconciler.errors import InvalidSettings
from reconciler.notify.by_apprise import Apprise
from reconciler.notify.channel import Undelivered
from tests.notify.letters import a_letter
from tests.parts.webhook import Webhook as Receiver

FILE = Path("/etc/reconciler/chat.url")


def channel(receiver: Receiver, **more: float) -> Apprise:
    return Apprise("chat", receiver.url.replace("http://", "json://") + "?token=hunter2", path=FILE, **more)


def send(apprise: Apprise) -> None:
    asyncio.run(apprise.send(a_letter(reason="exited with 1")))


def test_a_message_arrives_with_title_and_text(receiver: Receiver) -> None:
    send(channel(receiver))
    (body,) = receiver.received
    assert body["title"] == "host-a: web was rolled back: release r3 failed, r2 runs"
    assert body["message"].startswith("exited with 1\n")
    assert body["type"] == "warning"


def test_a_receiver_that_fails_is_told_without_the_address(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.manner = "fail"
    with pytest.raises(Undelivered, match="apprise could not deliver it") as caught:
        send(channel(receiver))
    assert "hunter2" not in str(caught.value)
    assert not [record for record in caplog.records if record.name.startswith("apprise")]


def test_one_that_hangs_is_left_behind_and_none_begins_while_it_is_at_it(receiver: Receiver) -> None:
    receiver.manner = "hang"
    apprise = channel(receiver, within_s=0.3)
    with pytest.raises(Undelivered, match=r"not sent within 0\.3 s"):
        send(apprise)
    with pytest.raises(Undelivered, match="still on its way"):
        send(apprise)
    assert [thread for thread in threading.enumerate() if thread.name == "notify-chat" and thread.daemon]


def test_an_address_that_apprise_does_not_know_is_refused_and_not_told() -> None:
    with pytest.raises(InvalidSettings, match="holds no address that apprise knows") as caught:
        Apprise("chat", "nonsense://hunter2@", path=FILE)
    assert "hunter2" not in str(caught.value)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.notify.by_apprise.find_spec", lambda _: None)
    with pytest.raises(InvalidSettings, match=r"pip install '\.\[notify\]' in a checkout"):
        Apprise("chat", "json://127.0.0.1/", path=FILE)


def test_a_plugin_that_raises_is_a_failure_and_nothing_of_it_is_told(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    apprise = channel(receiver)

    def broken(**_: object) -> bool:
        raise RuntimeError("json://hunter2@host")

    monkeypatch.setattr(apprise._service, "notify", broken)
    with pytest.raises(Undelivered, match="apprise could not deliver it"):
        send(apprise)
