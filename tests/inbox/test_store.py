from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import StateDamaged, StateUnwritable
from reconciler.inbox.store import InboxStore
from reconciler.inbox.wish import InlineFile, Wish, in_force, read_wish, wish_of, wish_text
from reconciler.protocol.fence import Fence
from reconciler.protocol.inbox import Entry
from reconciler.protocol.message.common import Artifact, SetPosition
from reconciler.protocol.message.document import version_of
from reconciler.protocol.message.payload import DeployPayload
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.session.events import (
    DropDocument,
    ForgetTask,
    KeepDocument,
    KeepFence,
    KeepPosition,
    KeepTask,
    Opened,
    TakeWish,
)
from tests.protocol.makers import ALICE, DIGEST, PAYLOADS, document, task

FENCE = Fence({"web": 1}, {"web": 2})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[InboxStore]:
    made = InboxStore(tmp_path / "inbox.db")
    yield made
    made.close()


def wish(generation: int = 1, task: str = "", text: str = "kind: Container") -> Wish:
    return Wish(document="web", generation=generation, text=text, actor=ALICE, task=task)


def again(store: InboxStore) -> InboxStore:
    """After a restart."""
    store.close()
    return InboxStore(store.path)


def test_what_a_step_asks_for_is_there_after_a_restart(store: InboxStore) -> None:
    entry = Entry(task=task(), number=1, state="running")
    position = SetPosition("set-1", 4)
    events = (KeepFence("web", FENCE), KeepTask(entry), KeepDocument(document()), KeepPosition(position))
    store.keep((*events, Opened("not kept")))
    instance = store.memory().instance
    kept = again(store).memory()
    assert kept.instance == instance
    assert (kept.kept.entries, kept.kept.fence) == ((entry,), FENCE)
    assert (kept.held.position, kept.held.documents) == (position, {"web": document()})


def test_what_is_forgotten_or_dropped_is_gone(store: InboxStore) -> None:
    store.keep([KeepTask(Entry(task=task(), number=1)), KeepDocument(document())])
    store.put_back(wish(task="t"), document="web")
    store.keep([ForgetTask("key-1"), DropDocument("web")])
    assert store.memory().kept.entries == ()
    assert store.wishes() == {}


def test_a_step_is_kept_whole_or_not_at_all(store: InboxStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Entry) -> str:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("reconciler.inbox.rows._entry_text", fails)
    with pytest.raises(StateUnwritable, match="disk is full"):
        store.keep([KeepDocument(document()), KeepTask(Entry(task=task(), number=1))])
    assert store.memory().held.documents == {}


def test_files_are_named_by_documents_wishes_and_tasks_that_are_not_over(store: InboxStore) -> None:
    def file(letter: str) -> Artifact:
        return Artifact(type="config", name=letter, sha256=f"sha256:{letter * 64}", size_bytes=1)

    def deploy(number: int, letter: str) -> AgentTask:
        payload = PAYLOADS["deploy"]
        assert isinstance(payload, DeployPayload)
        return task(number, payload=replace(payload, artifacts=(file(letter),)))

    over = Entry(task=deploy(2, "f"), number=2, state="failed")
    version = version_of("kind: Container", (file("a"),))
    store.keep([KeepDocument(document(artifacts=(file("a"),), version=version))])
    store.put_back(replace(wish(task="s"), artifacts=(file("b"),)), document="web")
    store.try_out(replace(wish(task="t"), artifacts=(file("c"),)))
    kept = (Entry(task=deploy(1, "d"), number=1), over, Entry(task=task(3), number=3))
    store.keep(KeepTask(entry) for entry in kept)
    assert {digest[-1] for digest in store.named()} == set("abcd")


def test_a_wish_on_trial_counts_and_leaves_no_trace_when_it_is_given_up(store: InboxStore) -> None:
    store.keep([KeepDocument(document(generation=3))])
    store.try_out(wish(2, task="t"))
    assert store.wishes()["web"].task == "t"
    assert store.wishes(trials=False)["web"].task == ""
    assert store.on_trial("web")
    assert store.give_up("t")
    assert not store.give_up("t")
    assert store.wishes()["web"] == wish_of(document(generation=3))


def test_a_wish_that_was_taken_counts_until_a_later_one_comes(store: InboxStore) -> None:
    store.keep([KeepDocument(document(generation=1))])
    store.try_out(wish(2, task="t"))
    store.keep([TakeWish("t")])
    assert not store.give_up("t")
    assert again(store).wishes()["web"].task == "t"


def test_a_former_wish_is_put_back(store: InboxStore) -> None:
    store.try_out(wish(2, task="t"))
    store.keep([TakeWish("t")])
    store.put_back(wish(1, task="s"), document="web")
    assert store.wishes()["web"].task == "s"
    store.put_back(None, document="web")
    assert store.wishes() == {}


def test_a_document_of_the_same_generation_is_the_same_wish_in_its_lasting_form() -> None:
    assigned = wish_of(document(generation=2))
    assert in_force([assigned], [wish(2, task="t")], []) == {"web": assigned}
    assert in_force([assigned], [wish(3, task="t")], [])["web"].task == "t"


@given(st.text(), st.integers(0, 2**53 - 1), st.sampled_from(["", "t"]))
def test_a_wish_is_read_as_it_was_written(text: str, generation: int, name: str) -> None:
    artifact = Artifact(type="config", name="a.conf", sha256=DIGEST, size_bytes=1)
    whole = replace(
        wish(generation, name, text), artifacts=(artifact,), files=(InlineFile(path="b", content="Yg=="),)
    )
    assert read_wish(wish_text(whole)) == whole


def test_a_file_that_is_no_store_or_a_newer_ones_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("this is not a database, and is longer than a header of one is: " + "x" * 200)
    with pytest.raises(StateDamaged, match="is damaged"):
        InboxStore(other)
    with pytest.raises(StateUnwritable, match="could not open"):
        InboxStore(tmp_path / "nowhere" / "inbox.db")
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateDamaged, match="newer agent"):
        InboxStore(newer)


def test_what_this_agent_did_not_write_is_told(store: InboxStore) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute("INSERT INTO documents VALUES ('web', '{}')")
    connection.close()
    with pytest.raises(StateDamaged, match="did not write"):
        store.memory()
