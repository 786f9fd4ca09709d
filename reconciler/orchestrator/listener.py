"""A listening socket with TLS: opened with clear errors, closed quickly."""

from __future__ import annotations

import ssl
from typing import Final

from aiohttp import web

from reconciler.errors import InvalidSettings

FINISH_WITHIN_S: Final = 1.0
LONGEST_LINE: Final = 8190


class Listener:
    """One address, HOST:PORT. Port 0 lets the system choose; ``port`` tells the choice after ``start``."""

    def __init__(self, app: web.Application, address: str, context: ssl.SSLContext) -> None:
        host, _, port = address.rpartition(":")
        self._address = address
        self._host, self._port = host.strip("[]"), int(port)
        self._context = context
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=FINISH_WITHIN_S,
            keepalive_timeout=75.0,
            max_line_size=LONGEST_LINE,
        )

    @property
    def port(self) -> int:
        """The real one; 0 while it does not listen."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else 0

    async def start(self) -> None:
        """Listen. Raises InvalidSettings when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._context).start()
        except OSError as error:
            await self._runner.cleanup()
            raise InvalidSettings(
                f"cannot listen on {self._address}: {error.strerror}", hint="choose another address"
            ) from error

    async def stop(self) -> None:
        """Close the socket and all connections."""
        await self._runner.cleanup()
