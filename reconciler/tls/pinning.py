"""Pinning: how who is no member yet comes to trust its orchestrator, by the fingerprint in its join token.

In two connections, so that nothing is trusted because it came first:

1. the authority's roots are fetched from whoever answers. They are public, nothing is sent, and of what came only
   the one certificate counts whose SHA-256 is the token's;
2. a new connection trusts this root alone and checks the server as always (``enrolment_context``). The token's
   secret and the request for a certificate are only sent over this one.

Somebody in between can hand out the true roots and cannot be the server then; can hand out others, and they are
not those of the token; or can answer nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from reconciler.errors import AccessRefused, TemporaryError
from reconciler.tls.certificates import Certificate, fingerprint, is_root, read_pem
from reconciler.tls.connector import Connector
from reconciler.tls.contexts import unverified_context

LIMIT: Final = 64 * 1024
"""Bytes; two roots have about 1500."""

WITHIN_S: Final = 15.0


async def fetch_roots(url: str, *, within_s: float = WITHIN_S) -> tuple[bytes, datetime | None]:
    """What somebody at this URL says the roots are, and the time. Nothing of it may be believed.

    Raises TemporaryError where nothing comes.
    """
    limits, connector = aiohttp.ClientTimeout(total=within_s), Connector(ssl=unverified_context())
    try:
        async with (
            aiohttp.ClientSession(
                timeout=limits, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            content = await answer.content.read(LIMIT + 1)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TemporaryError(
            f"could not fetch the authority's roots from {url}: {error or 'no answer'}"
        ) from error
    if answer.status != 200:
        raise TemporaryError(f"could not fetch the authority's roots from {url}: status {answer.status}")
    return content, time_of(answer.headers.get("Date", ""))


def pinned_root(bundle: bytes, wanted: str, *, now: datetime) -> Certificate:
    """The one root of the bundle that has the fingerprint. Raises AccessRefused."""
    try:
        found = [item for item in read_pem(bundle[:LIMIT]) if fingerprint(item) == wanted]
    except ValueError:
        found = []
    if not found:
        raise AccessRefused(
            "who answered is not of the authority that made the join token: no root has its fingerprint",
            hint="check the server's address; if it is right, somebody may be in between, or the root was changed "
            "since the token was made: make a new token",
        )
    root = found[0]
    if not is_root(root):
        raise AccessRefused("the fingerprint in the join token is not that of a root", hint="make a new token")
    begins, ends = root.not_valid_before_utc, root.not_valid_after_utc
    if not begins <= now < ends:
        raise AccessRefused(
            f"the authority's root counts from {begins:%Y-%m-%dT%H:%M:%SZ} to {ends:%Y-%m-%dT%H:%M:%SZ}, and this "
            f"host's clock says {now:%Y-%m-%dT%H:%M:%SZ}",
            hint="set this host's clock",
        )
    return root


def time_of(text: str) -> datetime | None:
    """The time that a server gave with an answer (``Date``), None where it gave none."""
    try:
        told = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return told.astimezone(UTC) if told.tzinfo is not None else None
