from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from reconciler.controller.stop import SIGNALS, StopRequest
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
        await asyncio.to_thread(asleep.wait)
        stop.ask()
        with pytest.raises(Interrupted):
            await asyncio.wait_for(sleeper, 5)
        with pytest.raises(Interrupted):
            stop.sleep(30.0)

    asyncio.run(main())
