from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from reconciler.controller import stop_flag as stopping
from reconciler.controller.stop import SIGNALS, StopRequest
from reconciler.controller.stop_flag import StopFlag
from reconciler.errors import Interrupted


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_to_finish_and_the_second_to_stop_at_once(number: signal.Signals) -> None:
    async def main() -> None:
        with StopRequest() as stop:
            assert not stop.stopping
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stop.asked.wait(), 5)
            assert stop.stopping
            assert not stop.at_once.is_set()
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stop.at_once.wait(), 5)

    asyncio.run(main())


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    async def main() -> None:
        with StopRequest():
            assert [signal.getsignal(number) for number in SIGNALS] != before

    asyncio.run(main())
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_thread_sleeps_as_long_as_nobody_asks() -> None:
    async def main() -> None:
        stop = StopRequest()
        began = time.monotonic()
        await asyncio.to_thread(stop.sleep, 0.02)
        assert time.monotonic() - began >= 0.02

    asyncio.run(main())


def test_a_stop_wakes_sleeping_threads() -> None:
    async def main() -> None:
        stop = StopRequest()
        asleep = threading.Event()

        def sleep() -> None:
            asleep.set()
            stop.sleep(30.0)

        sleeper = asyncio.create_task(asyncio.to_thread(sleep))
        await asyncio.to_thread(asleep.wait, 5)
        stop.ask()
        with pytest.raises(Interrupted):
            await asyncio.wait_for(sleeper, 5)
        with pytest.raises(Interrupted):
            stop.sleep(30.0)

    asyncio.run(main())


def test_a_flag_wakes_every_sleeper_and_lets_nobody_sleep_afterwards() -> None:
    flag, woken = StopFlag(), []

    def sleep() -> None:
        try:
            flag.sleep(30.0)
        except Interrupted:
            woken.append(threading.current_thread())

    threads = [threading.Thread(target=sleep) for _ in range(3)]
    for thread in threads:
        thread.start()
    flag.ask()
    flag.ask()
    for thread in threads:
        thread.join(5)
    assert set(woken) == set(threads)
    with pytest.raises(Interrupted):
        flag.sleep(-1.0)


def test_a_signal_handler_may_ask_the_thread_that_sleeps() -> None:
    flag = StopFlag()
    former = signal.signal(signal.SIGUSR1, lambda *_: flag.ask())
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(Interrupted):
            flag.sleep(30.0)
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert flag.stopping


def test_who_lingers_has_a_bounded_time_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "LINGER_S", 0.2)
    flag, began = StopFlag(), time.monotonic()
    flag.ask()
    flag.linger(0.15)
    flag.linger(0.15)
    with pytest.raises(Interrupted):
        flag.linger(0.15)
    assert 0.2 <= time.monotonic() - began < 5


def test_a_stop_wakes_who_lingers_so_that_nobody_oversleeps_it() -> None:
    flag = StopFlag()
    threading.Timer(0.05, flag.ask).start()
    flag.linger(30.0)
    assert flag.stopping


def test_a_second_stop_ends_lingering() -> None:
    stop = StopRequest()
    stop._flag.ask()
    stop.linger(0.01)
    stop._flag.ask()
    with pytest.raises(Interrupted):
        stop.linger(30.0)
