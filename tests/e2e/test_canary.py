"""The scanner finds what is planted, in every place that it is to look at and in every spelling."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.canary import Arguments, Plant, Words, finds
from tests.e2e.search import search
from tests.e2e.stage import Stage

pytestmark = pytest.mark.engine

Leak = Callable[[Stage, str, ExitStack], object]


@pytest.fixture
def planted(stage: Stage) -> Iterator[str]:
    """A value that the search after this test does not know any more."""
    value = f"leak {secrets.token_hex(16)}/+?"
    stage.plant("the leak", value)
    yield value
    stage.plants.pop()


def history(stage: Stage, value: str, cleanup: ExitStack) -> None:
    stage.state.mkdir(exist_ok=True)
    connection = cleanup.enter_context(closing(sqlite3.connect(stage.state / "history.db")))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE leaks (text TEXT)")
    connection.execute("INSERT INTO leaks VALUES (?)", ("x" * 4000 + value,))
    connection.commit()


def container(stage: Stage, **more: Any) -> None:
    stage.sdk.create_container(stage.images.plain.reference, name=f"{stage.prefix}-leak", **more)


def sticker(stage: Stage, value: str, _cleanup: ExitStack) -> None:
    stage.sticker().parent.mkdir()
    stage.sticker().write_text(value)


def event(stage: Stage, value: str, _cleanup: ExitStack) -> None:
    container(stage, labels={"leak": value})
    stage.sdk.remove_container(f"{stage.prefix}-leak")


def argument(_stage: Stage, value: str, cleanup: ExitStack) -> None:
    process = subprocess.Popen(["/bin/busybox", "sh", "-c", "sleep 60; :", value])
    cleanup.callback(process.wait)
    cleanup.callback(process.kill)


def file(stage: Stage, value: str, _cleanup: ExitStack) -> None:
    stage.state.mkdir(exist_ok=True)
    (stage.state / "note").write_text(value)


LEAKS: dict[str, tuple[Leak, str]] = {
    "log": (lambda stage, value, _: stage.said.append(f"a line\n{value}"), "what a program said"),
    "history": (history, "the history"),
    "file": (file, "the file note"),
    "label": (lambda stage, value, _: container(stage, labels={"leak": value}), "the inspect of"),
    "environment": (lambda stage, value, _: container(stage, environment={"LEAK": value}), "the environment of"),
    "command": (lambda stage, value, _: container(stage, command=["x", value]), "the inspect of"),
    "volume": (
        lambda stage, value, _: stage.sdk.create_volume(f"{stage.prefix}-leak", labels={"leak": value}),
        "the engine's volumes",
    ),
    "sticker": (sticker, "the sticker"),
    "event": (event, "an event: create"),
    "argument": (argument, "the arguments of /bin/busybox"),
}


@pytest.mark.parametrize("place", LEAKS)
def test_a_leak_is_found_wherever_it_is(place: str, stage: Stage, planted: str, arguments: Arguments) -> None:
    leak, where = LEAKS[place]
    with ExitStack() as cleanup:
        leak(stage, planted, cleanup)
        with pytest.raises(AssertionError) as found:
            search(stage, arguments)
    assert f"the leak is in {where}" in str(found.value)
    assert planted not in str(found.value)
    arguments.forget()


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
def test_a_leak_is_found_in_every_spelling(stage: Stage, before: str) -> None:
    value = "p/ss wörd?+&"
    plant = Plant(name="it", value=value)
    whole = f"{before}{value}".encode()
    texts = [
        f"x{value}x",
        quote(value, safe=""),
        base64.b64encode(whole + b"tail").decode(),
        base64.b64encode(whole).decode(),
        base64.urlsafe_b64encode(whole).decode(),
    ]
    for text in texts:
        assert finds([plant], [Words(place="said", where="here", text=text)]) == ("it is in here",), text
    assert finds([plant], [Words(place="said", where="here", text="nothing")]) == ()
    assert stage.plants


def test_where_a_value_has_to_be_it_is_no_find(stage: Stage) -> None:
    plant = Plant(name="it", value="it", allowed=frozenset({"history"}))
    found = [Words(place="history", where="one", text="it"), Words(place="state", where="other", text="it")]
    assert finds([plant], found) == ("it is in other",)
    assert {item.name for item in stage.plants} >= {"the key of this host", "the password in the document"}
