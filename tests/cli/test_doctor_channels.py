"""What doctor says of the channels that people are told through."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.doctor_channels import channel_findings
from reconciler.config import Settings, load_settings

CHANNELS = """\
version: 1
channels:
  - {name: chat, webhook: "https://hooks.example.com/a", secretFile: key}
  - {name: on-call, webhook: "https://hooks.example.com/b", secretFile: key}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text("whsec_" + "A" * 44)
    given = {"notify": str(tmp_path / "notify.yaml")}
    return load_settings(given, environment={}, folder=tmp_path, file=None, root=True)


def written(settings: Settings, text: str) -> Settings:
    settings.notify.touch(mode=0o600)
    settings.notify.write_text(text)
    return settings


def told(settings: Settings, **problems: str) -> list[tuple[str, str]]:
    return [(item.level, item.detail) for item in channel_findings(settings, problems)]


def test_that_nobody_is_told_is_well_and_said(settings: Settings) -> None:
    ((level, detail),) = told(written(settings, "version: 1\nchannels: []\n"))
    assert (level, detail.partition(",")[0]) == ("ok", "nobody is told")


def test_channels_are_named(settings: Settings) -> None:
    assert told(written(settings, CHANNELS)) == [
        ("ok", "told through chat, on-call; `reconciler notify test` tries"),
    ]


def test_a_channel_that_does_not_deliver_is_named_with_the_reason(settings: Settings) -> None:
    found = list(channel_findings(written(settings, CHANNELS), {"chat": "it answered 410", "gone": "x"}))
    assert [(item.level, item.detail) for item in found] == [("warning", "chat does not deliver: it answered 410")]
    assert "reconciler notify test chat" in found[0].fix


def test_a_file_that_is_wrong_is_an_error(settings: Settings) -> None:
    ((level, detail),) = told(written(settings, "version: 1\n"))
    assert level == "error"
    assert "channels: must be a list" in detail
