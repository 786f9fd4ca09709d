"""The canary scanner: looks for planted values wherever a test has left words, after every end-to-end test.

A plant is a value that must not be told: an opened secret, a password of a registry, the key of this host. It is
looked for as it is, as base64 (in each of its three alignments) and as part of a URL, in

    what any program said: output of commands, logs of the controller, its metrics
    what the program shows of each document now
    the state directory, whole: the history with its log, the audit log, files, keys; and the stickers
    all the engine knows: containers by inspect, networks, volumes, its events
    the arguments of all processes that were there meanwhile

Decides nothing about what may be where but this: a plant may be ``allowed`` in some of the places below.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote, quote_plus

import docker
import requests

Place = Literal["said", "shown", "state", "history", "sticker", "environment", "engine", "event", "arguments"]

SECRET_LABEL: Final = "stella.secret."
_LOOK_EVERY_S: Final = 0.1
_LOOKS: Final = 3
"""How often one process is looked at: what it is becomes clear a moment after it was forked."""


@dataclass(frozen=True, kw_only=True)
class Plant:
    """``allowed``: where it has to be, because a test wants it there. Never printed: only its name is."""

    name: str
    value: str = field(repr=False)
    allowed: frozenset[Place] = frozenset()

    @property
    def forms(self) -> tuple[str, ...]:
        """Every spelling that counts as the value."""
        return tuple(
            dict.fromkeys((self.value, quote(self.value, safe=""), quote_plus(self.value), *self._base64()))
        )

    def _base64(self) -> Iterator[str]:
        """What every encoding of a text that holds the value has in common, for each place it may begin at."""
        raw = self.value.encode()
        for offset in range(3):
            head = (8 * offset + 5) // 6
            text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
            last = -1 if (offset + len(raw)) % 3 else None
            yield text[head:last]
            yield text[head:last].translate(str.maketrans("+/", "-_"))


@dataclass(frozen=True, kw_only=True)
class Words:
    """What was found in one place."""

    place: Place
    where: str
    text: str


def finds(plants: Iterable[Plant], words: Iterable[Words]) -> tuple[str, ...]:
    """Where a plant is that must not be there; its value is not repeated."""
    wanted = [(plant, plant.forms) for plant in plants]
    found: dict[str, None] = {}
    for item in words:
        for plant, forms in wanted:
            if item.place not in plant.allowed and any(form in item.text for form in forms):
                found[f"{plant.name} is in {item.where}"] = None
    return tuple(found)


def in_files(state: Path, stickers: Path) -> Iterator[Words]:
    """The state directory and the stickers, byte for byte; the history row by row besides, since a page of the
    database may end in the middle of a value.
    """
    for path in sorted(path for path in state.rglob("*") if path.is_file()):
        place: Place = "history" if path.name.startswith("history.db") else "state"
        yield Words(place=place, where=f"the file {path.relative_to(state)}", text=_read(path))
    for path in sorted(stickers.rglob("*.json")):
        yield Words(place="sticker", where=f"the sticker {path.name}", text=_read(path))
    if (state / "history.db").exists():
        yield Words(place="history", where="the history", text="\n".join(_rows(state)))


def _read(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):  # a file of a moment
        return path.read_bytes().decode("latin-1")
    return ""


def _rows(state: Path) -> Iterator[str]:
    """Every row of every table, of a copy: whoever holds the history is not disturbed."""
    with tempfile.TemporaryDirectory() as folder:
        for path in state.glob("history.db*"):
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        with contextlib.closing(sqlite3.connect(Path(folder) / "history.db")) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  (our own tables)
                    yield "\n".join(map(str, row))


def on_engine(sdk: docker.APIClient, *, since: float) -> Iterator[Words]:
    """All that whoever may ask this engine is told. Nothing where it is not there any more."""
    with contextlib.suppress(docker.errors.APIError, requests.RequestException):
        for row in sdk.containers(all=True):
            with contextlib.suppress(docker.errors.NotFound):  # removed since it was listed
                yield from _of_container(sdk.inspect_container(row["Id"]))
        for what, found in (("networks", sdk.networks()), ("volumes", sdk.volumes()["Volumes"])):
            yield Words(place="engine", where=f"the engine's {what}", text=_flat(found))
        # With fractions of a second, since the engine waits for the end of one that is not over.
        span: Any = {"since": f"{since:.6f}", "until": f"{time.time():.6f}"}
        for event in sdk.events(**span, decode=True):
            yield Words(place="event", where=f"an event: {event.get('Action', '')[:20]}", text=_flat(event))


def _of_container(told: Mapping[str, Any]) -> Iterator[Words]:
    """A container whose label says that it was given secrets as variables has them there."""
    config = dict(told["Config"])
    environment = config.pop("Env", None)
    if not any(label.startswith(SECRET_LABEL) for label in config["Labels"] or ()):
        yield Words(place="environment", where=f"the environment of {told['Name']}", text=_flat(environment))
    yield Words(place="engine", where=f"the inspect of {told['Name']}", text=_flat({**told, "Config": config}))


def _flat(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


class Arguments:
    """Samples the command lines of all processes, in a thread, from entering to leaving."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._looks: dict[str, int] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def forget(self) -> None:
        """Begin anew: what is still there is looked at again."""
        self._looks, self._seen = {}, {}

    def words(self) -> Iterator[Words]:
        """Each command line that was seen."""
        self.look()
        for line in tuple(self._seen):
            program = line.partition(" ")[0]
            yield Words(place="arguments", where=f"the arguments of {program}", text=line)

    def look(self) -> None:
        """Look once, now."""
        looks = self._looks
        there = set(filter(str.isdigit, os.listdir("/proc")))  # noqa: PTH208  (so often: without an object for each)
        for pid in there:
            if looks.get(pid, 0) < _LOOKS:
                looks[pid] = looks.get(pid, 0) + 1
                with contextlib.suppress(OSError):  # it ended meanwhile
                    self._seen[Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")] = None
        for pid in looks.keys() - there:
            del looks[pid]

    def _watch(self) -> None:
        while not self._end.wait(_LOOK_EVERY_S):
            self.look()


def said(texts: Sequence[str]) -> Iterator[Words]:
    """What programs wrote to anybody."""
    for text in texts:
        yield Words(
            place="said", where=f"what a program said: {text.splitlines()[0][:60] if text else ''}", text=text
        )


def shown(ask: Callable[..., str], commands: Iterable[Sequence[str]]) -> Iterator[Words]:
    """What our command line answers now."""
    for words in commands:
        yield Words(place="shown", where=" ".join(words), text=ask(*words))
