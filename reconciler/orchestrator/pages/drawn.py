"""Drawn: pages that were made just now, for whoever asks for the same.

What a page shows depends on nothing but its address, so a wall of screens costs as much as one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from reconciler.web.layout import Layout
from reconciler.web.routes import Answer, Asked, Make

MOST: Final = 16
"""Pages that are kept; of those beyond the oldest goes."""

_Key = tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], int]


class Drawn:
    """A page is kept for ``kept_s`` seconds of the ``clock``, and no longer than nothing has changed. Used by many
    threads.
    """

    def __init__(self, clock: Callable[[], float], kept_s: float) -> None:
        self._clock, self._kept_s = clock, kept_s
        self._lock = threading.Lock()
        self._pages: OrderedDict[_Key, tuple[float, Answer]] = OrderedDict()

    def once(self, path: str, make: Make) -> Make:
        """The same page, made at most once in that time for each address."""

        def again(layout: Layout, asked: Asked) -> Answer:
            key = (path, tuple(asked.named.items()), tuple(asked.query.items()), layout.number)
            found = self._found(key)
            if found is None:
                began = self._clock()
                found = make(layout, asked)
                self._keep(key, began, found)
            return found

        return again

    def _found(self, key: _Key) -> Answer | None:
        with self._lock:
            at, answer = self._pages.get(key, (float("-inf"), None))
            return answer if self._clock() - at < self._kept_s else None

    def _keep(self, key: _Key, began: float, answer: Answer) -> None:
        with self._lock:
            self._pages[key] = began, answer
            self._pages.move_to_end(key)
            while len(self._pages) > MOST:
                self._pages.popitem(last=False)
