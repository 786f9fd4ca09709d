"""The file that says who is notified, and how: its text as a Notify, or what is wrong in it, at its place. Pure.

    version: 1
    after: 2m                # what may pass by itself is told when it has lasted so long
    driftAfter: 15m          # drift that is not put right
    repeat: 4h               # again, for as long as it lasts; left out: once
    channels:
      - name: on-call
        webhook: https://hooks.example.com/reconciler
        secretFile: notify.key
      - name: chat
        appriseFile: chat.url

The file is held to the same strict YAML as documents. Addresses that carry a credential are no part of it: those
of apprise stand in files of their own. No problem quotes an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.core.telling import Patience
from reconciler.spec import quantities
from reconciler.spec.problem import Path, Problem, Wrong
from reconciler.spec.strict_file import StrictFile
from reconciler.spec.yaml_tree import read_trees

VERSION: Final = 1
MOST_CHANNELS: Final = 10
LONGEST_S: Final = 30 * 86400
TIMES: Final = {"after": "after_s", "driftAfter": "drift_after_s", "repeat": "repeat_s"}
_KEYS: Final = ("version", *TIMES, "channels")
_FORMS: Final = ({"webhook", "secretFile"}, {"appriseFile"})
_FORMS_TOLD: Final = "webhook and secretFile, or appriseFile"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way out. Of a webhook ``url`` and ``secret_file``; of apprise ``apprise_file``, which has the URL. Paths
    are as they were written.
    """

    name: str
    url: str = ""
    secret_file: str = ""
    apprise_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """What the file says."""

    patience: Patience = field(default_factory=Patience)
    channels: tuple[Channel, ...] = ()


def read_notify(content: bytes, file: str) -> tuple[Notify | None, tuple[Problem, ...]]:
    """What the file says, or None and all that is wrong. Never raises; ``file`` is what problems name."""
    trees, problems = read_trees(content, file)
    if problems:
        return None, problems
    if len(trees) != 1:
        return None, (Problem(file, 1, 1, "", "a file of notifications holds one YAML document"),)
    reader = _Reader(trees[0], file)
    notify = reader.notify()
    return (None, tuple(sorted(reader.problems))) if reader.problems else (notify, ())


class _Reader(StrictFile):
    """What the file says; where something is wrong, what it returns is of no use."""

    def notify(self) -> Notify:
        values = self.known((), self.tree.root.value, _KEYS) or {}
        if str(values.get("version")) != str(VERSION):
            self.note(("version",), f"must be {VERSION}, which is the only version there is")
        times = {field: self.read((key,), values[key], _seconds) for key, field in TIMES.items() if key in values}
        channels = tuple(self._channels(values.get("channels")))
        told = {name: seconds for name, seconds in times.items() if seconds is not None}
        return Notify(patience=Patience(**told), channels=channels)

    def _channels(self, value: Any) -> Iterator[Channel]:
        if not isinstance(value, list) or len(value) > MOST_CHANNELS:
            self.note(("channels",), f"must be a list of at most {MOST_CHANNELS} channels; [] tells nobody")
            return
        seen: set[str] = set()
        for index, item in enumerate(value):
            channel = self._channel(("channels", index), item)
            if channel.name in seen:
                self.note(("channels", index, "name"), f'"{channel.name}" is given twice')
            seen.add(channel.name)
            yield channel

    def _channel(self, path: Path, value: Any) -> Channel:
        allowed = ("name", "webhook", "secretFile", "appriseFile")
        values = self.known(path, value, allowed) or {}
        if values and set(values) - {"name"} not in _FORMS:
            self.note(path, f"must have name and {_FORMS_TOLD}")
        elif values and "name" not in values:
            self.note(path, "name is missing")
        readers = {"name": _name, "webhook": _url, "secretFile": _file, "appriseFile": _file}
        found = {key: self.read((*path, key), values[key], readers[key]) or "" for key in allowed if key in values}
        return Channel(
            name=found.get("name", ""),
            url=found.get("webhook", ""),
            secret_file=found.get("secretFile", ""),
            apprise_file=found.get("appriseFile", ""),
        )


def _seconds(value: Any) -> float:
    seconds = quantities.duration(_text(str(value) if isinstance(value, int) else value)) / 1000
    if seconds > LONGEST_S:
        raise Wrong("must be 30 days at most")
    return seconds


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Wrong("must be a text that is not empty")
    return value


def _name(value: Any) -> str:
    if not _NAME.fullmatch(_text(value)):
        raise Wrong("must be a name of lower case letters, digits and hyphens, 63 at most")
    return str(value)


def _file(value: Any) -> str:
    return str(PurePosixPath(_text(value)))


def _url(value: Any) -> str:
    try:
        parts = urlsplit(_text(value))
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(char.isspace() or not char.isprintable() for char in value):
        raise Wrong("must be a URL that begins with https:// or http://")
    if "@" in parts.netloc:
        raise Wrong("must have no user name and no password: what is sent is signed with the secret")
    return str(value)
