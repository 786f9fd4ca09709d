"""Asks a page again and again, as the users of a service do: what it cost them is how long nobody answered."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self

_EVERY_S = 0.05
_TIMEOUT_S = 2.0


class Poller:
    """Polls from ``__enter__`` to ``__exit__``; ``asked`` and ``failed`` count since then."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.asked = 0
        self.failed: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _poll(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(_EVERY_S):
            self.asked += 1
            try:
                with urllib.request.urlopen(self._url, timeout=_TIMEOUT_S) as answer:  # noqa: S310  (loopback)
                    answer.read()
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                self.failed.append(f"after {time.monotonic() - began:.2f} s: {error}")
