"""From the file of notifications to channels, and all that may be wrong on the way."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from reconciler.errors import InvalidSettings
from reconciler.notify.channel import Channel
from reconciler.notify.opening import notify_of_host, open_channels
from reconciler.spec.notify import Notify

HOOK = "version: 1\nchannels: [{name: on-call, webhook: 'https://h.example.com/', secretFile: key}]\n"
CHAT = "version: 1\nchannels: [{name: chat, appriseFile: url}]\n"


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    private(tmp_path / "key", base64.b64encode(b"k" * 32))
    private(tmp_path / "url", b"json://127.0.0.1/hunter2\n")
    return tmp_path


def opened(folder: Path, text: str) -> tuple[Channel, ...]:
    path = private(folder / "notify.yaml", text.encode())
    return open_channels(notify_of_host(path, needed=True), folder)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InvalidSettings) as caught:
        opened(folder, text)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_channels_are_opened_as_the_file_says(folder: Path) -> None:
    assert [(item.name, item.type) for item in opened(folder, HOOK)] == [("on-call", "webhook")]
    assert [(item.name, item.type) for item in opened(folder, CHAT)] == [("chat", "apprise")]


def test_a_file_that_nobody_named_may_be_missing(tmp_path: Path) -> None:
    assert notify_of_host(tmp_path / "notify.yaml", needed=False) == Notify()
    with pytest.raises(InvalidSettings, match=r"notify\.yaml is not there"):
        notify_of_host(tmp_path / "notify.yaml", needed=True)


def test_what_is_wrong_is_told_with_its_place(folder: Path) -> None:
    assert f"{folder}/notify.yaml:1:1: version: must be 1" in refusal(folder, "channels: []")


def test_a_file_that_others_can_change_is_not_used(folder: Path) -> None:
    path = private(folder / "notify.yaml", HOOK.encode())
    path.chmod(0o622)
    with pytest.raises(InvalidSettings, match="others than its owner can change it"):
        notify_of_host(path, needed=False)


def test_a_secret_that_others_can_read_is_not_used(folder: Path) -> None:
    (folder / "key").chmod(0o644)
    assert "others than its owner can read" in refusal(folder, HOOK)


def test_a_secret_that_is_missing_or_none_is_told_with_the_way_to_make_one(folder: Path) -> None:
    private(folder / "key", b"hunter2")
    told = refusal(folder, HOOK)
    assert f"what {folder}/key holds is not base64" in told
    assert "openssl rand -base64 32" in told
    (folder / "key").unlink()
    assert "is not there" in refusal(folder, HOOK)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a b", "must hold one address"), (b"", "must hold one address"), (b"\xff\xfe", "is no text")],
)
def test_an_address_that_is_none_is_told(folder: Path, content: bytes, said: str) -> None:
    private(folder / "url", content)
    assert said in refusal(folder, CHAT)


def test_an_address_that_is_missing_is_told(folder: Path) -> None:
    (folder / "url").unlink()
    assert "the address of the channel chat" in refusal(folder, CHAT)
