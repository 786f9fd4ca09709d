from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.controller.workqueue import QueueClosed, WorkQueue


@dataclass
class Meters:
    adds: int = 0
    retries: int = 0
    waits: list[float] = field(default_factory=list)
    works: list[float] = field(default_factory=list)

    def added(self) -> None:
        self.adds += 1

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def worked(self, seconds: float) -> None:
        self.works.append(seconds)

    def retried(self) -> None:
        self.retries += 1


def run(scenario: Callable[[WorkQueue[str], Meters], Awaitable[None]]) -> None:
    async def main() -> None:
        meters = Meters()
        await scenario(WorkQueue(meters), meters)

    asyncio.run(main())


def test_keys_come_out_in_the_order_they_went_in() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        for key in ("a", "b", "c"):
            queue.add(key)
        assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]
        assert meters.adds == 3

    run(scenario)


def test_a_key_is_queued_once() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        for _ in range(1_000):
            queue.add("a")
        assert (queue.stats().depth, meters.adds) == (1, 1)
        queue.done(await queue.get())
        assert queue.stats().depth == 0

    run(scenario)


def test_a_key_added_during_its_work_runs_once_more_afterwards_and_not_before() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add("a")
        await queue.get()
        for _ in range(3):
            queue.add("a")
        assert (queue.stats().depth, queue.stats().working) == (1, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.01)
        queue.done("a")
        assert await queue.get() == "a"
        queue.done("a")
        assert (queue.stats().depth, meters.adds) == (0, 2)

    run(scenario)


def test_a_worker_waits_for_a_key() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        worker = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        assert await worker == "a"

    run(scenario)


def test_a_cancelled_worker_loses_no_key() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        workers = [asyncio.create_task(queue.get()) for _ in range(2)]
        await asyncio.sleep(0)
        queue.add("a")
        workers[0].cancel()
        assert await workers[1] == "a"

    run(scenario)


def test_finishing_what_was_not_begun_is_a_bug() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        with pytest.raises(KeyError):
            queue.done("a")

    run(scenario)


def test_a_delayed_key_comes_after_its_delay() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        queue.add_after("a", 0.05)
        assert (queue.stats().depth, queue.stats().delayed, meters.adds, meters.retries) == (0, 1, 0, 1)
        assert await queue.get() == "a"
        assert loop.time() - began >= 0.05
        assert (queue.stats().delayed, meters.adds) == (0, 1)

    run(scenario)


def test_no_delay_is_at_once() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add_after("a", 0.0)
        assert queue.stats().depth == 1

    run(scenario)


@pytest.mark.parametrize("delays", [(0.02, 30.0), (30.0, 0.02)])
def test_the_earliest_of_several_delays_counts(delays: tuple[float, float]) -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        for delay in delays:
            queue.add_after("a", delay)
        assert queue.stats().delayed == 1
        assert await asyncio.wait_for(queue.get(), 5) == "a"
        assert queue.stats().delayed == 0

    run(scenario)


def test_work_that_begins_ends_the_wishes_that_came_before_it() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add_after("a", 0.02)
        queue.add("a")
        queue.done(await queue.get())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.06)

    run(scenario)


def test_a_wish_that_comes_during_the_work_outlives_it() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add("a")
        key = await queue.get()
        queue.add_after(key, 0.01)
        queue.add_after(key, 300.0)
        queue.done(key)
        assert await asyncio.wait_for(queue.get(), 5) == "a"

    run(scenario)


def test_a_delay_that_ends_during_the_work_runs_it_once_more() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add("a")
        key = await queue.get()
        queue.add_after(key, 0.01)
        await asyncio.sleep(0.05)
        assert queue.stats().depth == 1
        queue.done(key)
        assert await asyncio.wait_for(queue.get(), 5) == "a"

    run(scenario)


def test_latency_and_work_are_measured() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add("a")
        await asyncio.sleep(0.02)
        await queue.get()
        await asyncio.sleep(0.02)
        stats = queue.stats()
        assert stats.longest_running_s == stats.unfinished_s >= 0.02
        queue.done("a")
        assert meters.waits[0] >= 0.02
        assert meters.works[0] >= 0.02
        assert queue.stats().longest_running_s == 0.0

    run(scenario)


def test_unfinished_work_adds_up_and_the_longest_is_told() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        for key in ("a", "b"):
            queue.add(key)
            await queue.get()
            await asyncio.sleep(0.02)
        stats = queue.stats()
        assert stats.working == 2
        assert 0.04 <= stats.longest_running_s < stats.unfinished_s

    run(scenario)


def test_closing_wakes_every_worker_and_hands_out_nothing_more() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        workers = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.close()
        for result in await asyncio.gather(*workers, return_exceptions=True):
            assert isinstance(result, QueueClosed)
        queue.add("a")
        queue.add_after("b", 0.0)
        queue.add_after("c", 1.0)
        with pytest.raises(QueueClosed):
            await queue.get()
        assert (queue.stats().depth, queue.stats().delayed, meters.adds) == (0, 0, 0)

    run(scenario)


def test_closing_forgets_what_was_queued_and_delayed_but_lets_work_end() -> None:
    async def scenario(queue: WorkQueue[str], meters: Meters) -> None:
        queue.add("a")
        key = await queue.get()
        queue.add("b")
        queue.add_after("c", 0.01)
        queue.close()
        with pytest.raises(QueueClosed):
            await queue.get()
        queue.done(key)
        assert queue.stats().working == queue.stats().delayed == 0

    run(scenario)


def test_a_queue_needs_no_meters() -> None:
    async def main() -> None:
        queue: WorkQueue[int] = WorkQueue()
        queue.add(1)
        queue.add_after(2, 0.01)
        queue.done(await queue.get())
        assert await queue.get() == 2

    asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 5))
def test_whatever_happens_no_key_is_worked_on_twice_at_once_and_no_wish_is_lost(
    seed: int, workers: int, keys: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  (the seed makes it repeatable)

    async def main() -> None:
        queue: WorkQueue[int] = WorkQueue()
        wanted, seen = dict.fromkeys(range(keys), 0), dict.fromkeys(range(keys), 0)
        busy: set[int] = set()

        async def work() -> None:
            while True:
                key = await queue.get()
                assert key not in busy
                busy.add(key)
                seen[key] = wanted[key]
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                busy.discard(key)
                queue.done(key)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        for _ in range(100):
            key = chance.randrange(keys)
            wanted[key] += 1
            queue.add(key)
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        while queue.stats().depth or queue.stats().working:  # noqa: ASYNC110  (any order of turns is wanted)
            await asyncio.sleep(0)
        queue.close()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, QueueClosed) for result in ended)
        assert seen == wanted

    asyncio.run(main())
