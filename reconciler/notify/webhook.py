"""A webhook: one POST of JSON, signed.

Decides what counts as delivered (a status of 2xx, nothing else), and what is worth another try. Redirects are not
followed, of the answer nothing but its status is read, and the environment's proxies and logins have no say: what
is sent goes to the named address or nowhere.

Invariants: a try takes no longer than ``WITHIN_S``; no error tells the address or the secret.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp

from reconciler import __version__
from reconciler.core.secret import Secret
from reconciler.notify.channel import ChannelType, Undelivered
from reconciler.notify.signature import headers
from reconciler.notify.wording import Letter

WITHIN_S: Final = 10.0
_LONGEST_WAIT_S: Final = 600.0
_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429})


class Webhook:
    """``secret`` is asked for at every try, so that it may be changed; it raises Undelivered."""

    type: ChannelType = "webhook"

    def __init__(self, name: str, url: str, secret: Callable[[], Secret], *, within_s: float = WITHIN_S) -> None:
        self.name = name
        self._url = url
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=within_s)

    async def send(self, letter: Letter) -> None:
        """Try once. Raises Undelivered."""
        signed = headers(self._secret(), message_id=letter.id, at=int(time.time()), body=letter.body)
        known = {"content-type": "application/json", "user-agent": f"reconciler/{__version__}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(self._url, data=letter.body, headers=known | signed, allow_redirects=False) as answer,
            ):
                _judge(answer.status, answer.headers.get("retry-after", ""))
        except TimeoutError:
            raise Undelivered(f"no answer within {self._timeout.total:g} s") from None
        except aiohttp.ClientConnectorCertificateError:
            raise Undelivered("its certificate is not trusted") from None
        except aiohttp.ClientConnectorError as error:
            raise Undelivered(f"no connection: {_words(error.os_error)}") from None
        except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as error:
            raise Undelivered(f"the connection broke off ({type(error).__name__})") from None


def _judge(status: int, retry_after: str) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Undelivered(f"it answers {status}: redirects are not followed, name the last address", lasting=True)
    asked = min(float(retry_after), _LONGEST_WAIT_S) if retry_after.isdecimal() else None
    passing = status >= 500 or status in _WORTH_ANOTHER_TRY
    raise Undelivered(f"it answers {status}", lasting=not passing, retry_after=asked)


def _words(error: OSError) -> str:
    """The system's: asyncio's own name the address. Looking up a name has numbers of its own."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return type(error).__name__ if error.strerror is None else error.strerror.lower()
    return os.strerror(error.errno).lower()


def secret_of(path: Path, read: Callable[[Path], Secret]) -> Callable[[], Secret]:
    """Reads the secret when it is wanted."""

    def current() -> Secret:
        try:
            return read(path)
        except ValueError as error:
            raise Undelivered(f"its secret cannot be used: {error}", lasting=True) from None

    return current
