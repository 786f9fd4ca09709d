"""Asks a page again and again, as the users of a service do: what it cost them is how long nobody answered."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.request
from types import TracebackType
from typing import Self

_EVERY_S = 0.05
_TIMEOUT_S = 2.0


class Poller:
    """Polls from ``__enter__`` to ``__exit__``; ``asked``, ``answers`` and ``failed`` are of that time.

    ``longest_outage_s`` is the longest time from a failed request to the beginning of the next good one.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.asked = 0
        self.answers: set[str] = set()
        self.failed: list[str] = []
        self.longest_outage_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _poll(self) -> None:
        began = since = time.monotonic()
        failing = False
        while not self._ended.wait(_EVERY_S):
            asked = time.monotonic()
            trouble = self._ask()
            if failing:
                self.longest_outage_s = max(self.longest_outage_s, asked - since)
            if trouble:
                self.failed.append(f"after {asked - began:.2f} s: {trouble}")
                since = since if failing else asked
            failing = bool(trouble)

    def _ask(self) -> str:
        """The trouble; "" when it answers."""
        self.asked += 1
        try:
            with urllib.request.urlopen(self._url, timeout=_TIMEOUT_S) as answer:  # noqa: S310  (loopback)
                self.answers.add(answer.read().decode().strip())
        except (
            OSError,
            http.client.HTTPException,
        ) as error:  # also one that is stopped in the middle of its answer
            return str(error) or type(error).__name__
        return ""
