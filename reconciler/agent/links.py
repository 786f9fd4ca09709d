"""Links: how messages reach the orchestrator and come back; over a WebSocket, or one request each.

Both carry the same messages, read and rendered here, so that whoever uses a Link sees none of it. A link is made,
used until it is lost, and never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol

import aiohttp

from reconciler.agent import paths
from reconciler.agent.http import bounded, client, refusal
from reconciler.agent.place import Enrolment
from reconciler.errors import AccessRefused, MessageRefused, TemporaryError
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import OF_ORCHESTRATORS
from reconciler.protocol.message.session import Close
from reconciler.protocol.reading import read, render
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.tls.contexts import client_context
from reconciler.tls.passport import Passport

REQUEST_S: Final = 20.0
PING_S: Final = 15.0
"""A WebSocket whose other side answers no ping within half of this is lost."""

GOODBYE_S: Final = 2.0
"""For so long the other side is waited for when a WebSocket is closed."""


class Link(Protocol):
    """Raises TemporaryError where it is lost, AccessRefused where the orchestrator says no."""

    name: str

    async def send(self, message: Message) -> None:
        """Have it sent."""

    async def receive(self) -> Message:
        """The next that comes."""


class PollingLink:
    """Each message is a request; its answer is what comes."""

    name = "polling"

    def __init__(self, session: aiohttp.ClientSession, enrolment: Enrolment) -> None:
        self._session = session
        self._enrolment = enrolment
        self._answers: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: Message) -> None:
        url = self._enrolment.server + paths.message(self._enrolment.agent, message.KIND)
        try:
            async with self._session.post(
                url, data=render(message), headers={"Content-Type": "application/json"}, allow_redirects=False
            ) as response:
                content = await bounded(response, DEFAULT.message_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryError(f"could not reach {url}: {error or type(error).__name__}") from error
        if response.status // 100 != 2 and not _closes(content):
            raise refusal(response.status, content, url)
        if content:
            self._answers.put_nowait(_read(content))

    async def receive(self) -> Message:
        return await self._answers.get()


class SocketLink:
    """Messages as they come, both ways."""

    name = "websocket"

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, message: Message) -> None:
        with _lost():
            await self._socket.send_str(render(message).decode())

    async def receive(self) -> Message:
        with _lost():  # a ping is answered in here, and who sent it may be gone
            found = await self._socket.receive()
        if found.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
            return _read(found.data.encode() if isinstance(found.data, str) else found.data)
        why = found.extra if isinstance(found.extra, str) and found.extra else "it was closed"
        raise TemporaryError(f"the connection to the orchestrator was lost: {why}")


@contextmanager
def _lost() -> Iterator[None]:
    """Raises TemporaryError where there is nobody any more to send to."""
    try:
        yield
    except (aiohttp.ClientError, ConnectionError) as error:
        raise TemporaryError(f"the connection to the orchestrator was lost: {error}") from error


@asynccontextmanager
async def polling(enrolment: Enrolment, passport: Passport) -> AsyncIterator[Link]:
    """A link by requests. Nothing is asked yet."""
    async with client(client_context(passport), within_s=REQUEST_S) as session:
        yield PollingLink(session, enrolment)


@asynccontextmanager
async def websocket(enrolment: Enrolment, passport: Passport) -> AsyncIterator[Link]:
    """A link by a WebSocket. Raises TemporaryError, AccessRefused, where none comes about."""
    url = enrolment.server + paths.stream(enrolment.agent)
    async with client(client_context(passport), within_s=REQUEST_S) as session:
        try:
            socket = await session.ws_connect(
                url,
                heartbeat=PING_S,
                max_msg_size=DEFAULT.message_bytes,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=GOODBYE_S),
            )
        except aiohttp.WSServerHandshakeError as error:
            raise AccessRefused(f"{url} takes no WebSocket: status {error.status}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryError(f"could not reach {url}: {error or type(error).__name__}") from error
        async with socket:
            yield SocketLink(socket)


def _closes(content: bytes) -> bool:
    """Whether an answer that is no success is the orchestrator's own word for the end of the session."""
    try:
        read(content, (Close,))
    except MessageRefused:
        return False
    return True


def _read(content: bytes) -> Message:
    try:
        return read(content, OF_ORCHESTRATORS)
    except MessageRefused as error:
        raise TemporaryError(f"the orchestrator said what cannot be used: {error.message}") from error
