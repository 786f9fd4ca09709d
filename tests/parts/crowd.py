"""Many users at once: so many requests a second, from several threads, each on a connection of its own."""

from __future__ import annotations

import http.client
import threading
import time
from types import TracebackType
from typing import Self

_THREADS = 8
_TIMEOUT_S = 5.0


class Crowd:
    """Asks from ``__enter__`` to ``__exit__``; all that it tells is of that time, ``longest_s`` of one request.

    Failed is what has another status than 200, or no whole answer within 5 s. Who is late asks at once, but never
    twice for the same moment: a busy machine asks less often.
    """

    def __init__(self, address: str, port: int, *, per_second: float) -> None:
        self._address, self._port = address, port
        self._every_s = _THREADS / per_second
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(_THREADS)]
        self.asked = 0
        self.failed: list[str] = []
        self.answers: set[str] = set()
        self.longest_s = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            answer, trouble = self._ask()
            with self._lock:
                self.asked += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                if trouble:
                    self.failed.append(trouble)
                else:
                    self.answers.add(answer)
            due = max(due + self._every_s, time.monotonic())

    def _ask(self) -> tuple[str, str]:
        """The answer, and the trouble ("" when there is none)."""
        connection = http.client.HTTPConnection(self._address, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", "/")
            response = connection.getresponse()
            text = response.read().decode().strip()
        except (OSError, http.client.HTTPException) as error:
            return "", repr(error)
        else:
            return text, "" if response.status == http.HTTPStatus.OK else f"{response.status} {text}"
        finally:
            connection.close()
