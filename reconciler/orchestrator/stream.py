"""Stream: the same messages over a WebSocket, where both sides send when they have something.

One message at a time: the next is read when the one before was kept and answered, so that who sends much waits.
Every message is asked about like a request: who was denied meanwhile is cut off. What is wrong ends the session,
with a reason.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

from reconciler.errors import AccessRefused, MessageRefused
from reconciler.orchestrator.agent_endpoints import own_name
from reconciler.orchestrator.line import Line
from reconciler.orchestrator.lines import Lines, moment
from reconciler.orchestrator.routing import Handlers
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import OF_AGENTS
from reconciler.protocol.message.session import Close
from reconciler.protocol.reading import read, render
from reconciler.protocol.routes import WEBSOCKET_CLOSE
from reconciler.protocol.session.events import Closed, Step
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.tls.guard import CONNECTIONS, PEER, open_socket

LOOK_S: Final = 5.0
"""How often it is looked whether the agent is silent. What the store has for it is looked up where there are news,
and with each heartbeat.
"""

HELLO_S: Final = 30.0
"""How long a session may take to begin."""


class Stream:
    """Over WebSockets."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {"stream": self.stream}

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """One agent's connection, until it ends."""
        name = own_name(request)
        line = await self._lines.of(name)
        socket = await open_socket(
            request, web.WebSocketResponse(max_msg_size=DEFAULT.message_bytes, compress=False)
        )
        telling = asyncio.create_task(self._tell(line, socket))
        try:
            async with asyncio.timeout(HELLO_S) as begin:
                async for frame in socket:
                    if not await self._answer(request, name, socket, frame):
                        break
                    if line.carried_by(socket):
                        begin.reschedule(None)
        except TimeoutError:
            await _say_and_close(socket, Close(reason="silent", message="no session was begun"))
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        return socket

    async def _answer(
        self, request: web.Request, name: str, socket: web.WebSocketResponse, frame: WSMessage
    ) -> bool:
        """Whether the connection goes on."""
        if frame.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return False
        try:
            if reason := await request[CONNECTIONS].refusal(request[PEER]):
                return await _say_and_close(socket, Close(reason="revoked", message=reason[:1024]))
            content = frame.data.encode() if isinstance(frame.data, str) else frame.data
            message = read(content, OF_AGENTS)
            step = await self._lines.hear(name, message, transport=socket, peer=request[PEER], push=True)
            return await _send(socket, step)
        except MessageRefused as error:
            return await _say_and_close(socket, Close(reason="bad-message", message=error.message[:1024]))
        except AccessRefused as error:
            await _say_and_close(socket, Close(reason="forbidden", message=error.message[:1024]))
            raise

    async def _tell(self, line: Line, socket: web.WebSocketResponse) -> None:
        """What is there to tell, as it comes."""
        going, carried = True, False
        while going and not socket.closed:
            with suppress(TimeoutError):  # the look that is due without news
                async with asyncio.timeout(LOOK_S):
                    await line.news.wait()
            news = line.news.is_set()
            line.news.clear()
            carried |= line.carried_by(socket)
            if carried:
                going = await _send(socket, await line.tick(moment(), transport=socket, news=news))


async def _send(socket: web.WebSocketResponse, step: Step) -> bool:
    """Whether the connection goes on."""
    over = any(isinstance(event, Closed) for event in step.events)
    try:
        for message in step.messages:
            await socket.send_str(render(message).decode())
            over |= isinstance(message, Close)
    except ConnectionError:
        return False  # gone before it was answered; it comes again, and is told then
    if over:
        await socket.close(code=WEBSOCKET_CLOSE)
    return not over


async def _say_and_close(socket: web.WebSocketResponse, message: Message) -> bool:
    return await _send(socket, Step(messages=(message,)))
