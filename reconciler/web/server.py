"""A listening socket for an application: opened with clear errors, closed quickly.

Invariants: ``start`` either listens or raises InvalidSettings and leaves nothing open; ``stop`` takes less than
a second, whatever clients and handlers do.
"""

from __future__ import annotations

import os
import socket
import ssl

from aiohttp import web

from reconciler.errors import InvalidSettings

FINISH_WITHIN_S = 0.4
"""How long requests that are under way may go on when we stop."""

KEEP_ALIVE_S = 30.0
LONGEST_LINE = 4096


class Server:
    """One address. Port 0 lets the system choose; ``url`` tells the choice after ``start``."""

    def __init__(
        self, app: web.Application, host: str, port: int, *, encryption: ssl.SSLContext | None = None
    ) -> None:
        self._encryption = encryption
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=FINISH_WITHIN_S,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=LONGEST_LINE,
        )

    async def start(self) -> None:
        """Listen. Raises InvalidSettings when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._encryption).start()
        except OSError as error:
            await self._runner.cleanup()
            raise InvalidSettings(
                f"cannot listen on {_address(self._host, self._port)}: {_reason(error)}",
                hint="choose another address with --listen HOST:PORT",
            ) from error

    async def stop(self) -> None:
        """Close the socket and all connections. Without ``start``, and again, it does nothing."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it listens, with the real port; "" while it does not."""
        addresses = self._runner.addresses
        scheme = "https" if self._encryption else "http"
        return f"{scheme}://{_address(*addresses[0][:2])}" if addresses else ""


def _reason(error: OSError) -> str:
    """The system's words for it: asyncio puts its own around them. Looking up a name has numbers of its own."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
