"""How often the log waits for the disk, whatever the machine; and who hears what where a wait is shared."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.errors import StateUnwritable
from tests.audit.logs import a_log, deed, done, looked_at, records


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has one entry for each wait for the disk."""
    seen, real = list[int](), os.fdatasync

    def sync(handle: int) -> None:
        seen.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    return seen


def test_an_outcome_that_is_owed_comes_with_the_next_line_and_costs_no_wait_of_its_own(
    tmp_path: Path, syncs: list[int]
) -> None:
    log = a_log(tmp_path)
    done(log)
    syncs.clear()
    for _ in range(5):
        log.owe(log.intent(deed()), deed(), outcome="done")
    assert (len(syncs), [record["kind"] for record in records(tmp_path)[-3:]]) == (
        5,
        ["intent", "outcome", "intent"],
    )
    for _ in range(2):
        log.settle()
    assert (len(syncs), records(tmp_path)[-1]["kind"]) == (6, "outcome")
    assert looked_at(tmp_path).whole


def test_threads_that_write_at_once_share_the_waits_for_the_disk(
    tmp_path: Path, syncs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight workers and 50 deploys of eight Actions: were each line waited for alone, it would be 800 times."""
    log, counted = a_log(tmp_path), os.fdatasync

    def slow(handle: int) -> None:
        time.sleep(0.002)
        counted(handle)

    monkeypatch.setattr(os, "fdatasync", slow)

    def deploy(number: int) -> None:
        for _ in range(8):
            what = deed(document=f"web-{number}")
            log.owe(log.intent(what), what, outcome="done")
        log.settle()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deploy, range(50)))
    told = records(tmp_path)
    assert sum(record["kind"] == "intent" for record in told) == 400
    ended = {record["intent"]: record["document"] for record in told if record["kind"] == "outcome"}
    assert ended == {record["sequence"]: record["document"] for record in told if record["kind"] == "intent"}
    assert len(syncs) < 250
    assert looked_at(tmp_path).whole


def test_where_one_of_several_threads_finds_no_room_each_hears_of_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes no batch, and of single lines every other one."""
    log, real, taken = a_log(tmp_path), os.write, iter(range(1000))
    done(log)
    whole = threading.Barrier(4)

    def write(handle: int, content: bytes) -> int:
        if content.count(b"\n") > 1 or next(taken) % 2:
            raise OSError(28, "No space left on device")
        return real(handle, content)

    monkeypatch.setattr(os, "write", write)

    def intent(number: int) -> int:
        whole.wait()
        try:
            return log.intent(deed(document=f"web-{number}"))
        except StateUnwritable:
            return 0

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(intent, range(4)))
    written = {record["sequence"]: record["document"] for record in records(tmp_path)[3:]}
    assert written == {number: f"web-{which}" for which, number in enumerate(numbers) if number}
    assert len(written) == 2
