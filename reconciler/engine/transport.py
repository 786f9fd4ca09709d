"""What carries requests to the engine and answers back, whatever lies between: the interface of the transports.

``unix_transport`` carries over a socket of this host; ``sdk_transport`` leaves every other address to the SDK, and
is loaded for those alone.

Invariant: whatever breaks on the way, also while an answer is read, is one of ``BROKEN``; a wait that was too long
is a TimeoutError among them.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self

BROKEN = (OSError, http.client.HTTPException)


class Response(Protocol):
    """An answer whose body is not read yet. For one thread, but for ``shutdown``."""

    @property
    def status(self) -> int: ...

    def read(self, size: int | None = None) -> bytes:
        """Up to ``size`` bytes, all that is left for None; ``b""`` at the end."""

    def chunks(self, size: int) -> Iterator[bytes]:
        """What comes, as it comes, each up to ``size`` bytes."""

    def shutdown(self) -> None:
        """End the reading side, from any thread: whoever reads is woken. Raises OSError, ValueError or
        RuntimeError where it has ended.
        """

    def close(self) -> None:
        """Nothing more is read of it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""


class Transport(Protocol):
    """Requests to one address, from any thread."""

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeouts: tuple[float, float | None],
    ) -> Response:
        """Send, and wait for the answer to begin. ``target`` is path and query; ``timeouts`` are the seconds that
        connecting may take and that every next byte may (None: for ever). Raises one of ``BROKEN``.
        """

    def drop(self) -> None:
        """What is kept open is broken: connect anew before the next request."""

    def close(self) -> None:
        """Close what is kept open."""
