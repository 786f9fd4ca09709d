"""Making: pages are made in threads of their own, each once for all who ask for the same meanwhile.

When something changes, all who watch ask for their page in the same moment, and most of them for the first one.

Invariants: at most ``WAITING`` different pages are asked for and not made yet; nobody waits longer than
``MADE_WITHIN_S`` seconds for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from reconciler.web.routes import Answer

WAITING: Final = 32
MADE_WITHIN_S: Final = 8.0


class Making:
    """Used in one event loop."""

    def __init__(self) -> None:
        self._makers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="page")
        self._under_way: dict[Hashable, asyncio.Future[Answer]] = {}

    @property
    def waiting(self) -> int:
        """How many different pages are asked for and not made yet."""
        return len(self._under_way)

    async def made(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The page of this key. Raises TimeoutError where there is too much to do, and what making it raises."""
        making = self._under_way.get(key)
        if making is None:
            making = self._begun(key, make)
        try:
            return await asyncio.wait_for(asyncio.shield(making), MADE_WITHIN_S)
        except TimeoutError:
            making.cancel()  # where it has not begun yet, it does not
            raise
        except asyncio.CancelledError:
            if making.cancelled():  # by who has waited for it for longer
                raise TimeoutError from None
            raise

    def end(self) -> None:
        """Begin nothing more."""
        self._makers.shutdown(wait=False, cancel_futures=True)

    def _begun(self, key: Hashable, make: Callable[[], Answer]) -> asyncio.Future[Answer]:
        if len(self._under_way) >= WAITING:
            raise TimeoutError
        making = asyncio.get_running_loop().run_in_executor(self._makers, make)
        self._under_way[key] = making
        making.add_done_callback(lambda _: self._under_way.pop(key))
        return making
