"""A listening socket for an application: opened with clear errors, closed quickly.

Invariants: ``start`` either listens or raises InvalidSettings and leaves nothing open; ``stop`` takes hardly
longer than requests under way may go on, whatever clients and handlers do; of a request that cannot be read
nothing but who sent it reaches the log.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from reconciler.errors import InvalidSettings


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """``finish_within_s``: how long requests that are under way may go on when we stop. ``advice``: what helps
    where the address cannot be had.
    """

    finish_within_s: float = 0.4
    keep_alive_s: float = 30.0
    longest_line: int = 4096
    advice: str = "choose another address with --listen HOST:PORT"


USUAL: Final = ServerOptions()


class Server:
    """One address. Port 0 lets the system choose; ``url`` and ``port`` tell the choice after ``start``."""

    def __init__(
        self,
        app: web.Application,
        address: tuple[str, int],
        *,
        encryption: ssl.SSLContext | None = None,
        options: ServerOptions = USUAL,
    ) -> None:
        self._encryption = encryption
        self._address = address
        self._advice = options.advice
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_requests,
            shutdown_timeout=options.finish_within_s,
            keepalive_timeout=options.keep_alive_s,
            max_line_size=options.longest_line,
        )

    async def start(self) -> None:
        """Listen. Raises InvalidSettings when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, *self._address, ssl_context=self._encryption).start()
        except OSError as error:
            await self._runner.cleanup()
            raise InvalidSettings(
                f"cannot listen on {_shown(*self._address)}: {_reason(error)}", hint=self._advice
            ) from error

    async def stop(self) -> None:
        """Close the socket and all connections. Without ``start``, and again, it does nothing."""
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The real one; 0 while it does not listen."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else 0

    @property
    def url(self) -> str:
        """Where it listens, with the real port; "" while it does not."""
        addresses = self._runner.addresses
        scheme = "https" if self._encryption else "http"
        return f"{scheme}://{_shown(*addresses[0][:2])}" if addresses else ""


def _reason(error: OSError) -> str:
    """The system's words for it: asyncio puts its own around them. Looking up a name has numbers of its own."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _told(record: logging.LogRecord) -> bool:
    """What cannot be read as a request may be anything, a token too; anybody can send it, and it is no fault of
    ours.
    """
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.msg, record.exc_info = "refused what is no request of HTTP, from %s", None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return _requests.isEnabledFor(record.levelno)


_requests: Final = logging.getLogger("reconciler.requests")
_requests.addFilter(_told)
