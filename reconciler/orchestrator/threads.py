"""Work in a thread that is waited for to its end, also where who waits is cancelled.

Otherwise a lock would be free again while the thread still changes what it guards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What the work returns or raises. A cancellation comes through when it is done."""
    begun = asyncio.ensure_future(asyncio.to_thread(work, *args, **named))
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        await asyncio.wait([begun])
        raise
