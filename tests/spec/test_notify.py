"""The file of notifications: what it says, or what is wrong in it and where."""

from __future__ import annotations

import pytest

from reconciler.core.telling import Patience
from reconciler.spec.notify import Channel, Notify, read_notify

FULL = """\
version: 1
after: 30s
driftAfter: 1h
repeat: 4h
channels:
  - name: on-call
    webhook: https://hooks.example.com:8443/reconciler?team=a
    secretFile: notify.key
  - name: chat
    appriseFile: /etc/reconciler/chat.url
"""
HOOK = "{name: a, webhook: 'https://h.example.com', secretFile: k}"


def wrong(text: str) -> list[str]:
    notify, problems = read_notify(text.encode(), "notify.yaml")
    assert notify is None
    return [str(problem) for problem in problems]


def test_all_that_it_can_say() -> None:
    notify, problems = read_notify(FULL.encode(), "notify.yaml")
    assert problems == ()
    assert notify == Notify(
        patience=Patience(after_s=30, drift_after_s=3600, repeat_s=14400),
        channels=(
            Channel(
                name="on-call",
                url="https://hooks.example.com:8443/reconciler?team=a",
                secret_file="notify.key",
            ),
            Channel(name="chat", apprise_file="/etc/reconciler/chat.url"),
        ),
    )


def test_times_have_defaults_and_nothing_is_repeated() -> None:
    notify, _ = read_notify(f"version: 1\nchannels: [{HOOK}]".encode(), "n")
    assert notify is not None
    assert notify.patience == Patience(after_s=120, drift_after_s=900, repeat_s=0)


def test_nobody_may_be_told() -> None:
    assert read_notify(b"version: 1\nchannels: []", "n") == (Notify(), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n---\nb: 1", "n.yaml:1:1: a file of notifications holds one YAML document"),
        ("[]", "n.yaml:1:1: must be a mapping; allowed: version, after, driftAfter, repeat, channels"),
        (f"channels: [{HOOK}]", "n.yaml:1:1: version: must be 1, which is the only version there is"),
        ("version: 1", "n.yaml:1:1: channels: must be a list of at most 10 channels; [] tells nobody"),
        (
            f"version: 1\nchanels: [{HOOK}]\nchannels: [{HOOK}]",
            (
                "n.yaml:2:1: chanels: unknown key; allowed: version, after, driftAfter, repeat, channels; "
                'did you mean "channels"?'
            ),
        ),
        (
            f"version: 1\nafter: 5\nchannels: [{HOOK}]",
            (
                'n.yaml:2:8: after: "5" is not a duration; allowed: whole numbers with h, m, s or ms, '
                'such as 1m30s; did you mean "5s"?'
            ),
        ),
        (
            f"version: 1\nrepeat: 721h\nchannels: [{HOOK}]",
            "n.yaml:2:9: repeat: must be 30 days at most",
        ),
        (
            "version: 1\nchannels:\n- name: a\n  webhook: https://x",
            "n.yaml:3:3: channels[0]: must have name and webhook and secretFile, or appriseFile",
        ),
        ("version: 1\nchannels:\n- appriseFile: x", "n.yaml:3:3: channels[0]: name is missing"),
        (
            f"version: 1\nchannels: [{HOOK}, {HOOK}]",
            'n.yaml:2:79: channels[1].name: "a" is given twice',
        ),
        (
            "version: 1\nchannels: [{name: 'A B', appriseFile: x}]",
            "n.yaml:2:19: channels[0].name: must be a name of lower case letters, digits and hyphens, 63 at most",
        ),
        ("version: 1\nchannels: [{name: a, appriseFile: ''}]", "must be a text that is not empty"),
        ("version: 1\nchannels: [1]", "n.yaml:2:12: channels[0]: must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text: str, said: str) -> None:
    notify, problems = read_notify(text.encode(), "n.yaml")
    assert notify is None
    assert said in "\n".join(map(str, problems))


@pytest.mark.parametrize(
    "url", ["ftp://h", "https://", "h.example.com", "https://h:99999/", "https://h/a b", "https://[::1"]
)
def test_only_http_is_spoken_to_a_webhook(url: str) -> None:
    (said,) = wrong(f"version: 1\nchannels: [{{name: a, webhook: '{url}', secretFile: k}}]")
    assert said.endswith("channels[0].webhook: must be a URL that begins with https:// or http://")


def test_an_address_with_a_password_is_refused_and_not_quoted() -> None:
    (said,) = wrong("version: 1\nchannels: [{name: a, webhook: 'https://u:hunter2@h/', secretFile: k}]")
    assert "must have no user name and no password" in said
    assert "hunter2" not in said


def test_broken_yaml_is_told_as_such() -> None:
    assert wrong("version: [")[0].startswith("notify.yaml:2:1: a value is missing")
