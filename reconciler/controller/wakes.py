"""Wakes: the engine's events, as hints that something happened.

Listens in a thread of its own, because the stream blocks. Decides when to listen again; which events can matter
is the engine adapter's, which document one concerns, and what follows, is the loop's. An event carries no
meaning: the pass that it wakes looks at the host itself, so a lost one can't matter as long as every connection
begins with a full look.

Invariants: the callbacks run in the event loop, never in the thread; ``up`` is True only while a stream is
open; a stream that ends, with an error or (as when the engine dies) without, is opened again after a growing
pause, from the last event on; ``close`` returns within a second.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from reconciler.controller.backoff import backoff_delay
from reconciler.core.interfaces import Engine, EngineEvent
from reconciler.errors import ReconcilerError

SOUND_AFTER_S = 10.0
"""A stream that lived so long, or brought an event, was a good one: the next pause is short again."""

CLOSE_WITHIN_S = 0.9


class Closeable(Protocol):
    """What the engine's event iterators are besides iterators."""

    def close(self) -> None: ...


class EngineWakes:
    """Calls ``on_event`` for each event and ``on_connect`` when a full look is due, in ``loop``.

    ``chance`` gives 0..1 for the jitter of the pauses; ``monotonic`` is seconds of any origin.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        on_event: Callable[[EngineEvent], None],
        on_connect: Callable[[], None],
        chance: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._on_event = on_event
        self._on_connect = on_connect
        self._chance = chance
        self._monotonic = monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: Closeable | None = None
        self._since_ns: int | None = None
        self.breaks = 0
        """How often a stream has ended: each time, the engine may have died."""
        self.problem = ""
        """Why the last stream ended, or could not be opened; "" at first and while one is open."""

    @property
    def up(self) -> bool:
        """Whether a stream is open now."""
        return self._stream is not None

    def start(self) -> None:
        """Begin to listen; to be called once, in the event loop that the callbacks belong to."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """End listening. Blocks for less than a second; no callback is called by the loop's next turn."""
        self._closing.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_WITHIN_S)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            began = self._monotonic()
            last_seen = self._since_ns
            try:
                self._listen()
                self.problem = "the event stream ended"
            except ReconcilerError as error:
                self.problem = str(error)
            self.breaks += 1
            sound = self._since_ns != last_seen or self._monotonic() - began >= SOUND_AFTER_S
            failures = 1 if sound else failures + 1
            self._closing.wait(backoff_delay(failures, self._chance()))

    def _listen(self) -> None:
        events = self._engine.events(since_ns=self._since_ns)
        with self._lock:
            # Engine.events promises a close method, which Iterator cannot say.
            self._stream = cast("Closeable", events)
            if self._closing.is_set():
                self._stream.close()
        try:
            self.problem = ""
            self._tell(self._on_connect)
            for event in events:
                self._since_ns = event.time_ns
                self._tell(self._on_event, event)
        finally:
            with self._lock:
                self._stream = None

    def _tell(self, callback: Callable[..., None], *arguments: EngineEvent) -> None:
        assert self._loop is not None  # noqa: S101  (start sets it before the thread runs)
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._pass_on, callback, *arguments)

    def _pass_on(self, callback: Callable[..., None], *arguments: EngineEvent) -> None:
        if not self._closing.is_set():
            callback(*arguments)
