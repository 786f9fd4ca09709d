"""One HTTP exchange with a registry or what stands behind it: bounded in time and size, errors translated.

Decides how long an answer may take, how large it may be, and that credentials go to nobody but whom they are meant
for: a redirect is followed without them, and never from HTTPS to HTTP. Proxies are those of the environment, but
for this machine. What a status means is left to the caller.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from reconciler.errors import RegistryUnavailable, VerificationFailed
from reconciler.registry.names import is_loopback
from reconciler.registry.trust import CERTIFICATES, context_for

ANSWER_S: Final = 15.0
"""The longest silence."""

WHOLE_S: Final = 60.0
"""The longest time for one whole answer."""

_CHUNK: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said. ``headers`` finds names in whichever spelling."""

    status: int
    headers: Message
    body: bytes


class Transport:
    """Sends requests. Safe for use from many threads."""

    def __init__(
        self, *, answer_s: float = ANSWER_S, whole_s: float = WHOLE_S, certificates: Path = CERTIFICATES
    ) -> None:
        self._answer_s = answer_s
        self._whole_s = whole_s
        self._certificates = certificates

    def send(
        self, url: str, *, headers: Mapping[str, str], limit: int, form: bytes | None = None, secret: str = ""
    ) -> Answer:
        """GET, or POST of ``form``. ``secret`` is the Authorization of this one request.

        Raises RegistryUnavailable (no answer, too slow, broken off), VerificationFailed for more than ``limit``
        bytes.
        """
        request = urllib.request.Request(url, data=form, headers=dict(headers))  # noqa: S310  (http and https alone)
        if secret:
            request.add_unredirected_header("Authorization", secret)
        end = time.monotonic() + self._whole_s
        try:
            with self._opened(request) as response:
                return Answer(response.status, response.headers, self._read(response, url, limit, end))
        except (OSError, http.client.HTTPException) as error:
            raise RegistryUnavailable(f"asking {_shown(url)}: {_reason(error)}") from error
        except ValueError:  # an address or a header that it gave us; the text may quote a secret
            raise RegistryUnavailable(f"asking {_shown(url)}: it said what HTTP does not allow") from None

    def _opened(self, request: urllib.request.Request) -> Any:
        try:
            return self._opener(urlsplit(request.full_url).netloc).open(request, timeout=self._answer_s)
        except urllib.error.HTTPError as error:
            return error  # an answer as any other: what its status means is the caller's

    def _opener(self, host: str) -> urllib.request.OpenerDirector:
        if is_loopback(host):
            return urllib.request.build_opener(_WithoutCredentials(), urllib.request.ProxyHandler({}))
        https = urllib.request.HTTPSHandler(context=context_for(host, self._certificates))
        return urllib.request.build_opener(_WithoutCredentials(), https)

    def _read(self, response: Any, url: str, limit: int, end: float) -> bytes:
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > limit:
                raise VerificationFailed(f"asking {_shown(url)}: the answer is larger than {limit} bytes")
            if time.monotonic() > end:
                raise RegistryUnavailable(f"asking {_shown(url)}: not done after {self._whole_s:g} s")
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > len(body):
            raise RegistryUnavailable(f"asking {_shown(url)}: the answer broke off after {len(body)} bytes")
        return bytes(body)


class _WithoutCredentials(urllib.request.HTTPRedirectHandler):
    """Blobs lie in stores of others, at URLs that carry their own permission."""

    max_redirections = 3

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.data is not None:
            return None  # who posts credentials does so to one place
        schemes = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if schemes not in {("http", "http"), ("http", "https"), ("https", "https")}:
            raise RegistryUnavailable(f"asking {_shown(req.full_url)}: it leads from {schemes[0]} to {schemes[1]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _shown(url: str) -> str:
    """Without the query: it may hold somebody's permission."""
    return url.partition("?")[0]


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(cause) or type(cause).__name__
