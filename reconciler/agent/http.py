"""Requests to the orchestrator with JSON in them: bounded, and with its reasons in our words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from reconciler.errors import AccessRefused, MessageRefused, TemporaryError
from reconciler.protocol.reading import values
from reconciler.protocol.wire.limits import DEFAULT, Limits
from reconciler.protocol.wire.rules import check
from reconciler.tls.connector import Connector

WITHIN_S: Final = 30.0
PROBLEM_BYTES: Final = 64 << 10


def client(ssl: Any, *, within_s: float = WITHIN_S) -> aiohttp.ClientSession:
    """A session of its own, with this TLS context; to be closed."""
    return aiohttp.ClientSession(
        connector=Connector(ssl=ssl, limit=4),
        timeout=aiohttp.ClientTimeout(total=within_s),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def post(session: aiohttp.ClientSession, url: str, body: Mapping[str, Any], *, answer: str) -> Any:
    """The JSON that is answered, of the schema ``answer``. Raises AccessRefused where the orchestrator says no,
    TemporaryError where nothing comes of it now.
    """
    async with asking(session, "POST", url, content=json.dumps(body).encode()) as response:
        content = await bounded(response, DEFAULT.message_bytes)
    try:
        value = values(content, Limits())
        check(answer, value)
    except MessageRefused as error:
        raise AccessRefused(f"{url} answered what cannot be used: {error.message}") from error
    return value


@asynccontextmanager
async def asking(
    session: aiohttp.ClientSession, method: str, url: str, *, content: bytes = b""
) -> AsyncIterator[aiohttp.ClientResponse]:
    """An answer with status 2xx. Raises AccessRefused for 4xx, TemporaryError for all else."""
    headers = {"Content-Type": "application/json"} if content else {}
    try:
        async with session.request(
            method, url, data=content or None, headers=headers, allow_redirects=False
        ) as response:
            if response.status // 100 != 2:
                said = await response.content.read(PROBLEM_BYTES)
                raise refusal(response.status, said, url)
            yield response
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TemporaryError(f"could not reach {url}: {error or type(error).__name__}") from error


async def bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body. Raises TemporaryError where it is larger."""
    content = bytearray()
    async for part in response.content.iter_chunked(64 << 10):
        content += part
        if len(content) > most:
            raise TemporaryError(f"{response.url.path} answered more than {most} bytes")
    return bytes(content)


def refusal(status: int, content: bytes, url: str) -> AccessRefused | TemporaryError:
    """What an answer says that is no success: AccessRefused for 4xx, TemporaryError for all else."""
    told, hint = f"status {status}", ""
    try:
        problem = json.loads(content)
        check("api.Problem", problem)
        told, hint = f"{told}: {problem['title']}", problem.get("detail", "")
    except (ValueError, MessageRefused):
        pass  # who answers in other words is told by the status alone
    if status // 100 == 4 and status not in {408, 425, 429}:
        return AccessRefused(f"{url} refuses this ({told})", hint=hint)
    return TemporaryError(f"{url} cannot do this now ({told})", hint=hint)
