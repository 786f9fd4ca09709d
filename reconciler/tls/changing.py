"""A TLS context of a server that changes while it listens.

Needs no more than the standard library: a host's page is served without all else of this room.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable


class ChangingContext:
    """What a server listens with; ``context`` is handed to aiohttp once, ``change`` puts another one behind it.

    New connections get the new certificate and the new roots; those that are open keep what they were made with
    until they end (``connections`` limits their age).
    """

    def __init__(self, make: Callable[[], ssl.SSLContext]) -> None:
        self._current = make()
        self.context = make()
        self.context.sni_callback = self._choose

    def change(self, made: ssl.SSLContext) -> None:
        """From the next connection on."""
        self._current = made

    def look(self) -> None:
        """Called within each handshake, before a context is chosen: a time to ``change``. Does nothing here."""

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        """Called within each handshake, also of clients that name no server. Certificate and roots are those of
        the context that is set here.
        """
        self.look()
        connection.context = self._current
