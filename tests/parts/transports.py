"""When the last connection of an event loop is gone, so that the loop can end and leave none open."""

from __future__ import annotations

import asyncio
from typing import Any


async def all_gone(within_s: float = 10.0) -> None:
    """Wait for it. A server that has stopped still says goodbye to those who were connected, and does not tell
    when it is done: asyncio's own list (of its selector loop) does. Raises TimeoutError.
    """
    async with asyncio.timeout(within_s):
        while _open():  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.01)


def _open() -> list[Any]:
    known: Any = asyncio.get_running_loop()
    return [transport for transport in list(known._transports.values()) if transport._sock is not None]
