"""What many threads ask for at once: who waits with whom, and who suffers what."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from reconciler.audit.batches import Batches

PATIENCE_S = 10.0


@dataclass
class Bench:
    """Work that can be held up; ``bad`` items fail."""

    bad: frozenset[str] = frozenset()
    batches: list[tuple[str, ...]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    at_work: threading.Event = field(default_factory=threading.Event)

    def __call__(self, items: Sequence[str]) -> Sequence[int]:
        self.at_work.set()
        assert self.go.wait(PATIENCE_S)
        if self.bad.intersection(items):
            raise ValueError("no")
        self.batches.append(tuple(items))
        return [len(item) for item in items]


def waits_for(batches: Batches[str], number: int) -> None:
    """Until so many wait."""
    deadline = time.monotonic() + PATIENCE_S
    while len(batches._waiting) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def asked_meanwhile(
    pool: ThreadPoolExecutor, batches: Batches[str], work: Bench, *items: str
) -> list[Future[int]]:
    """The first is at work, all others wait for it."""
    asked = [pool.submit(batches.do, items[0])]
    assert work.at_work.wait(PATIENCE_S)
    for number, item in enumerate(items[1:], start=1):
        asked.append(pool.submit(batches.do, item))
        waits_for(batches, number)
    work.go.set()
    return asked


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8)


def test_who_comes_alone_waits_for_nobody() -> None:
    work = Bench()
    work.go.set()
    batches = Batches(work)
    assert [batches.do("a"), batches.do("bb")] == [1, 2]
    assert work.batches == [("a",), ("bb",)]


def test_what_is_asked_for_meanwhile_is_done_together_in_its_order(pool: ThreadPoolExecutor) -> None:
    work = Bench()
    asked = asked_meanwhile(pool, Batches(work), work, "a", "bb", "ccc", "dddd")
    assert [item.result(PATIENCE_S) for item in asked] == [1, 2, 3, 4]
    assert work.batches == [("a",), ("bb", "ccc", "dddd")]


def test_one_that_fails_takes_no_other_with_it(pool: ThreadPoolExecutor) -> None:
    work = Bench(bad=frozenset({"ccc"}))
    first, second, third, fourth = asked_meanwhile(pool, Batches(work), work, "a", "bb", "ccc", "dddd")
    assert [item.result(PATIENCE_S) for item in (first, second, fourth)] == [1, 2, 4]
    assert isinstance(third.exception(PATIENCE_S), ValueError)
    assert sorted(work.batches) == [("a",), ("bb",), ("dddd",)]


def test_a_thread_that_is_ended_takes_no_other_with_it() -> None:
    """Those who were to be served together with it are served by one of them."""
    done: list[list[str]] = []

    def work(items: Sequence[str]) -> Sequence[int]:
        if len(items) == 2:
            raise KeyboardInterrupt
        done.append(list(items))
        return [1]

    batches, ended = Batches(work), list[str]()

    def ask(item: str) -> None:
        try:
            batches.do(item)
        except KeyboardInterrupt:
            ended.append(item)

    threads = [threading.Thread(target=ask, args=(item,)) for item in ("a", "b")]
    batches._at_work = True
    for thread in threads:
        thread.start()
    waits_for(batches, 2)
    with batches._changed:
        batches._at_work = False
        batches._changed.notify_all()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (len(ended), len(done), batches.do("c")) == (1, 1, 1)
    assert [*ended, *done[0]] in (["a", "b"], ["b", "a"])
