from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

from reconciler.controller.wakes import EngineWakes
from reconciler.core.interfaces import EngineEvent
from reconciler.errors import EngineUnavailable
from tests.simulator.engine import SimulatedEngine

SHORT = 5.0


class Listener:
    """What the loop was told, and in which thread; pauses between connections are the shortest there are."""

    def __init__(self, engine: SimulatedEngine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.events: list[EngineEvent] = []
        self.connects = 0
        self.threads: set[int] = set()
        self.changed = asyncio.Event()
        self.wakes = EngineWakes(
            engine,
            on_event=self.on_event,
            on_connect=self.on_connect,
            chance=lambda: 0.0,
            monotonic=monotonic,
        )

    def on_event(self, event: EngineEvent) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())
        self.changed.set()

    def on_connect(self) -> None:
        self.connects += 1
        self.threads.add(threading.get_ident())
        self.changed.set()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(SHORT):
            while not met():
                self.changed.clear()
                await self.changed.wait()

    def actions(self) -> list[str]:
        return [f"{event.action} {event.container_name}" for event in self.events]


async def eventually(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(SHORT):
        while not met():  # noqa: ASYNC110  (the thread tells nobody)
            await asyncio.sleep(0.005)


def run(
    scenario: Callable[[Listener, SimulatedEngine], Awaitable[None]],
    engine: SimulatedEngine | None = None,
    **options: Callable[[], float],
) -> None:
    async def main() -> None:
        host = engine or SimulatedEngine()
        listener = Listener(host, **options)
        try:
            await scenario(listener, host)
        finally:
            await asyncio.to_thread(listener.wakes.close)

    asyncio.run(main())


def test_a_connection_asks_for_a_full_look_and_events_follow_in_the_loops_thread() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        assert not listener.wakes.up
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 1)
        assert listener.wakes.up
        assert listener.wakes.problem == ""
        engine.by_hand.run("web")
        await listener.until(lambda: len(listener.events) == 2)
        assert listener.actions() == ["create web", "start web"]
        assert listener.threads == {threading.get_ident()}

    run(scenario)


def test_a_stream_that_ends_without_an_error_is_opened_again_where_it_ended() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 1)
        engine.by_hand.run("web")
        await listener.until(lambda: len(listener.events) == 2)
        engine.cut_events()
        await eventually(lambda: not listener.wakes.up)
        engine.by_hand.run("db")
        await listener.until(lambda: len(listener.events) == 4)
        assert listener.actions()[2:] == ["create db", "start db"]
        assert listener.connects == 2

    run(scenario)


def test_while_the_engine_is_away_the_stream_is_down_and_says_why() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        engine.go_away()
        listener.wakes.start()
        await eventually(lambda: bool(listener.wakes.problem))
        assert not listener.wakes.up
        assert "no answer" in listener.wakes.problem
        assert listener.connects == 0
        engine.come_back()
        await listener.until(lambda: listener.connects == 1)
        assert listener.wakes.up

    run(scenario)


class Flapping(SimulatedEngine):
    """Opens streams that end at once; says when."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[float] = []

    def events(self, *, since_ns: int | None) -> Iterator[EngineEvent]:
        self.opened.append(time.monotonic())
        stream = super().events(since_ns=since_ns)
        self.cut_events()
        return stream


def test_streams_that_end_at_once_are_opened_at_growing_distances() -> None:
    engine = Flapping()

    async def scenario(listener: Listener, _: SimulatedEngine) -> None:
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 3)
        first, second, third = engine.opened
        assert second - first >= 0.5
        assert third - second >= 1.0

    run(scenario, engine)


def test_a_stream_that_lived_long_makes_the_next_pause_short_again() -> None:
    engine = Flapping()
    ages = iter(range(0, 10_000, 60))  # a minute between any two looks at the clock

    async def scenario(listener: Listener, _: SimulatedEngine) -> None:
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 3)
        first, second, third = engine.opened
        assert second - first < 1.0
        assert third - second < 1.0

    run(scenario, engine, monotonic=lambda: float(next(ages)))


def test_closing_is_quick_while_listening_and_nothing_is_told_afterwards() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 1)
        began = time.monotonic()
        listener.wakes.close()
        assert time.monotonic() - began < 1.0
        assert not listener.wakes.up
        engine.by_hand.run("web")
        await asyncio.sleep(0.02)
        assert listener.events == []

    run(scenario)


def test_closing_is_quick_while_it_waits_to_connect_again() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        engine.go_away()
        listener.wakes.start()
        await asyncio.sleep(0.05)
        began = time.monotonic()
        listener.wakes.close()
        assert time.monotonic() - began < 0.4

    run(scenario)


def test_closing_without_having_started_does_nothing() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        listener.wakes.close()
        assert not listener.wakes.up

    run(scenario)


class Slow(SimulatedEngine):
    """Takes its time to open a stream."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answer = threading.Event(), threading.Event()

    def events(self, *, since_ns: int | None) -> Iterator[EngineEvent]:
        self.asked.set()
        self.answer.wait(SHORT)
        return super().events(since_ns=since_ns)


def test_a_stream_that_opens_after_closing_is_closed_at_once() -> None:
    engine = Slow()

    async def scenario(listener: Listener, _: SimulatedEngine) -> None:
        listener.wakes.start()
        await asyncio.to_thread(engine.asked.wait, SHORT)
        began = time.monotonic()
        await asyncio.to_thread(listener.wakes.close)
        assert time.monotonic() - began < 1.0
        engine.answer.set()
        await asyncio.to_thread(listener.wakes.close)
        assert not listener.wakes.up
        assert listener.connects == 0

    run(scenario, engine)


def test_a_loop_that_is_gone_ends_nothing_but_the_telling() -> None:
    engine = SimulatedEngine()

    async def main() -> Listener:
        listener = Listener(engine)
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 1)
        return listener

    listener = asyncio.run(main())
    engine.by_hand.run("web")
    listener.wakes.close()
    assert listener.events == []


def test_an_engine_that_refuses_to_tell_is_asked_again() -> None:
    async def scenario(listener: Listener, engine: SimulatedEngine) -> None:
        engine.fail_when("events", EngineUnavailable("busy"))
        listener.wakes.start()
        await listener.until(lambda: listener.connects == 1)
        assert listener.wakes.problem == ""

    run(scenario)
