from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.desired import DesiredState, Suspension
from reconciler.errors import StateDamaged, StateError, StateLocked, StateUnwritable
from reconciler.history import History, database
from reconciler.history.schema import VERSION
from tests.history.conftest import Clock
from tests.history.wishes import rebuild, wish

Begin = Callable[..., DesiredState]
Reopen = Callable[[], History]
FIXTURES = Path(__file__).parent.parent / "fixtures"


def test_writes_are_durable_and_the_file_is_private(history: History, begin: Begin, path: Path) -> None:
    begin(1)
    with history._database.read() as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    for file in (path, path.with_name("history.db-wal")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_owner_is_made_once(history: History, reopen: Reopen, tmp_path: Path, clock: Clock) -> None:
    assert reopen().owner == history.owner
    assert len(history.owner) == 16
    other = History.open(tmp_path / "other.db", clock=clock, rebuild=rebuild)
    assert other.owner != history.owner
    other.close()


def test_what_another_process_writes_is_seen_at_once(history: History, begin: Begin, reopen: Reopen) -> None:
    begin(1)
    command = reopen()
    assert history.records()["web"].suspension is None
    before = history.data_version()
    command.suspend("web", Suspension("ana", "lunch"))
    command.hold("db", reason="x")
    assert history.data_version() != before
    assert history.record("web").suspension == Suspension("ana", "lunch")
    assert set(history.records()) == {"web", "db"}


def test_records_are_snapshots_and_cheap_to_ask_for_again(history: History, begin: Begin) -> None:
    begin(1)
    begin(1, name="db")
    before = history.records()
    assert history.records()["web"] is before["web"]
    history.commit("web", 1)
    after = history.records()
    assert after["db"] is before["db"]
    assert before["web"].committed is None
    assert after["web"].committed is not None
    assert history.record("never") == history.record("never")


def test_a_thousand_records_are_loaded_in_seven_queries(history: History, reopen: Reopen) -> None:
    for number in range(1000):
        history.begin(wish(f"d{number}"), generation=1, kind="deploy", container_id="", cause="", actor="")
    fresh, queries = reopen(), list[str]()
    fresh._database._connection.set_trace_callback(queries.append)
    assert len(fresh.records()) == 1000
    assert len([query for query in queries if query.startswith("SELECT")]) == 7


def test_a_damaged_file_is_told_with_what_to_do(path: Path, clock: Clock) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StateDamaged, match=r"put back a backup.*or move it aside"):
        History.open(path, clock=clock, rebuild=rebuild)


@pytest.mark.fault("S9")
def test_a_file_with_a_damaged_page_is_told(history: History, begin: Begin, path: Path, clock: Clock) -> None:
    for number in range(1, 300):
        begin(number, f"rel-{number}")
    history.close()
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 12 * 4096] = os.urandom(9 * 4096)
    path.write_bytes(content)
    with pytest.raises(StateDamaged):
        History.open(path, clock=clock, rebuild=rebuild)


def test_a_database_without_an_owner_is_damaged(history: History, path: Path, clock: Clock) -> None:
    history.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM meta")
    connection.close()
    with pytest.raises(StateDamaged, match="lost its owner id"):
        History.open(path, clock=clock, rebuild=rebuild)


def test_a_database_of_a_newer_reconciler_is_left_alone(history: History, path: Path, clock: Clock) -> None:
    history.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StateError, match="written by a newer reconciler") as caught:
        History.open(path, clock=clock, rebuild=rebuild)
    assert not isinstance(caught.value, StateDamaged)


@pytest.mark.fault("S8")
@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_database_of_every_version_opens(version: int, path: Path, clock: Clock) -> None:
    """With all that this version already kept, and it takes what is written now."""
    connection = sqlite3.connect(path)
    connection.executescript((FIXTURES / f"history-v{version}.sql").read_text("utf-8"))
    connection.close()
    history = History.open(path, clock=clock, rebuild=rebuild)
    record = history.record("web")
    assert history.owner == "0123456789abcdef"
    assert [(item.generation, item.state) for item in record.operations] == [(1, "committed"), (2, "undone")]
    assert record.quarantined == {wish("web", "rel-2").fingerprint: "unhealthy: 3 probes failed"}
    assert record.revisions[0].image_id == "sha256:aa"
    assert record.suspension == Suspension("ana", "incident 42", 1_800_000_000.0)
    assert record.heals == (1_700_000_002.0,)
    assert [event.action for event in history.events("web")] == ["commit", "record-undone"]
    assert history.accepted() == {"shop.yaml": (wish("web", "rel-2"),)}
    assert history.drift_since("web") == 1_700_000_003.0
    assert record.operations[0].config_hashes == ({"app": "5f2c"} if version >= 2 else {})
    assert [run.state for run in record.hooks] == (["done"] if version >= 3 else [])
    assert [item.reason for item in record.allowances] == (["incident 42"] if version >= 4 else [])
    told = [item.condition for item in history.told("on-call").values()]
    assert told == (["rolled-back"] if version >= 5 else [])
    history.begin(wish("web", "rel-3"), generation=3, kind="deploy", container_id="", cause="", actor="")
    history.commit("web", 3)
    assert history.record("web").generation == 3
    history.close()


def test_a_full_disk_is_told_and_leaves_the_history_as_it_was(history: History, begin: Begin) -> None:
    begin(1)
    before = history.record("web")
    with history._database.read() as connection:
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StateUnwritable, match="check free space"):
        history.hold("db", reason="x" * 100_000)
    assert history.record("web") == before
    with history._database.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    history.commit("web", 1)
    assert history.record("web").committed is not None


def test_a_read_only_file_system_is_told(history: History) -> None:
    with history._database.read() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StateUnwritable, match="could not write"):
        history.hold("web", reason="x")


def test_whether_it_can_be_written_is_known_from_the_last_write(history: History) -> None:
    history.check_writable()
    assert history.unwritable is None
    with history._database.read() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StateUnwritable, match="check free space") as caught:
        history.check_writable()
    assert history.unwritable is caught.value
    with history._database.read() as connection:
        connection.execute("PRAGMA query_only = OFF")
    history.check_writable()
    assert history.unwritable is None


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_is_taken_away_while_it_is_open_is_noticed(how: str, history: History, path: Path) -> None:
    path.rename(path.with_name("aside"))
    if how == "replaced":
        path.write_bytes((path.with_name("aside")).read_bytes())
    with pytest.raises(StateDamaged, match="moved, removed or replaced while it was in use"):
        history.check_writable()
    assert history.unwritable is not None


def test_another_process_that_is_slow_does_not_make_the_history_unwritable(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    history = History.open(path, clock=clock, rebuild=rebuild)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateLocked):
        history.check_writable()
    assert history.unwritable is None
    other.close()
    history.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StateUnwritable, match="No such file"):
        History.open(tmp_path / "missing" / "history.db", clock=clock, rebuild=rebuild)


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "history.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnwritable):
        History.open(tmp_path / "history.db", clock=clock, rebuild=rebuild)
    assert not (tmp_path / "elsewhere").exists()


def test_a_write_that_another_process_blocks_for_too_long_is_told(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    history = History.open(path, clock=clock, rebuild=rebuild)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateLocked, match="another process"):
        history.hold("web", reason="x")
    other.execute("ROLLBACK")
    history.hold("web", reason="x")
    other.close()
    history.close()


def test_many_threads_write_without_losing_anything(history: History) -> None:
    def work(name: str) -> None:
        for generation in range(1, 21):
            history.begin(wish(name), generation=generation, kind="heal", container_id="", cause="", actor="")
            history.commit(name, generation)
            assert history.record(name).committed == history.record(name).last

    threads = [threading.Thread(target=work, args=(f"d{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.generation for record in history.records().values()} == {20}
    assert len(history.records()) == 8


def _hold_from_outside(path: str, name: str) -> None:
    history = History.open(Path(path), clock=time.time, rebuild=rebuild)
    for number in range(20):
        history.hold(f"{name}-{number}", reason=name)
    history.close()


def test_many_processes_may_open_a_new_history_at_once_and_write(path: Path, clock: Clock) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_hold_from_outside, args=(str(path), f"p{number}")) for number in range(5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 5
    history = History.open(path, clock=clock, rebuild=rebuild)
    assert len(history.records()) == 100
    history.close()


def _begin_and_die(path: str) -> None:
    history = History.open(Path(path), clock=time.time, rebuild=rebuild)
    history.begin(wish(), generation=1, kind="deploy", container_id="", cause="it is wanted", actor="ana")
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_was_written_is_there_after_a_kill(path: Path, clock: Clock) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_begin_and_die, args=(str(path),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    history = History.open(path, clock=clock, rebuild=rebuild)
    assert history.record("web").open is not None
    history.close()


def test_records_that_are_rebuilt_are_not_rebuilt_again(path: Path, clock: Clock, begin: Begin) -> None:
    begin(1)
    begin(2, "rel-2")
    count = 0

    def counting(document: Mapping[str, Any]) -> DesiredState:
        nonlocal count
        count += 1
        return rebuild(document)

    history = History.open(path, clock=clock, rebuild=counting)
    history.records()
    history.undone("web", 1)
    history.records()
    history.undone("web", 2)
    history.record("web")
    history.close()
    assert count == 2
