"""Stream: the same messages over a WebSocket, where both sides send when they have something.

Messages are heard one at a time, and answered in their order, each when what it tells is on the disk. Some are
heard ahead of that, so that one wait for the disk serves them all; who sends more waits. Every message is asked
about like a request: who was denied meanwhile is cut off. What is wrong ends the session, with a reason.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

from reconciler.errors import AccessRefused, MessageRefused
from reconciler.orchestrator.agent_endpoints import own_name
from reconciler.orchestrator.line import Answer
from reconciler.orchestrator.lines import Lines, moment
from reconciler.orchestrator.routing import Handlers
from reconciler.protocol.message.kinds import OF_AGENTS
from reconciler.protocol.message.session import Close, CloseReason
from reconciler.protocol.reading import read, render
from reconciler.protocol.routes import WEBSOCKET_CLOSE
from reconciler.protocol.session.events import Closed, Step
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.tls.guard import CONNECTIONS, PEER, open_socket

LOOK_S: Final = 5.0
"""How much later than it is due it is looked whether the agent is silent: a heartbeat that comes on time makes
that needless.
"""

HELLO_S: Final = 30.0
"""How long a session may take to begin."""


AHEAD: Final = 32
"""How many messages of one agent are heard while their answers wait for the disk."""


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
        own_name(request)
        socket = await open_socket(
            request, web.WebSocketResponse(max_msg_size=DEFAULT.message_bytes, compress=False)
        )
        await _Link(self._lines, request, socket).live()
        return socket


class _Link:
    """One connection: it hears, it tells what there are news of, and it sends both in the order of the session."""

    def __init__(self, lines: Lines, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._lines = lines
        self._request = request
        self._peer = request[PEER]
        self._line = lines.of(self._peer.member.name)
        self._socket = socket
        self._answers: asyncio.Queue[Answer] = asyncio.Queue(AHEAD)
        # Held from an answer to its place in the queue: where that is full, who waits for room can be overtaken.
        self._order = asyncio.Lock()
        self._refused: AccessRefused | None = None

    async def live(self) -> None:
        """Until it ends. Raises what the store raises, and AccessRefused."""
        hearing, telling = asyncio.create_task(self._hear()), asyncio.create_task(self._tell())
        jobs = (hearing, telling, sending := asyncio.create_task(self._send()))
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done() and hearing.exception() is None and hearing.result():
                await asyncio.wait([sending])
        finally:
            for job in jobs:
                job.cancel()
            ended = await asyncio.gather(*jobs, return_exceptions=True)
        for error in (self._refused, *ended):
            if isinstance(error, Exception):
                raise error

    async def _hear(self) -> bool:
        """Until the agent is gone, or something is wrong: then the last answer waits to be sent."""
        try:
            async with asyncio.timeout(HELLO_S) as begin:
                while (frame := await self._frame()) is not None:
                    async with self._order:
                        answer = await self._heard(frame)
                        await self._answers.put(answer)
                    if _is_last(answer.step):
                        return True
                    if self._line.carried_by(self._socket):
                        begin.reschedule(None)
        except TimeoutError:
            await self._answers.put(_closing("silent", "no session was begun"))
            return True
        return False

    async def _frame(self) -> WSMessage | None:
        """The next that says something; None when the agent is gone."""
        try:
            frame = await self._socket.receive()
        except ConnectionError:
            return None  # a ping is answered in there, and who sent it may be gone
        return frame if frame.type in {WSMsgType.TEXT, WSMsgType.BINARY} else None

    async def _heard(self, frame: WSMessage) -> Answer:
        try:
            if reason := await self._request[CONNECTIONS].refusal(self._peer):
                return _closing("revoked", reason)
            content = frame.data.encode() if isinstance(frame.data, str) else frame.data
            message = read(content, OF_AGENTS)
            return await self._lines.hear(
                self._line.agent, message, transport=self._socket, peer=self._peer, push=True
            )
        except MessageRefused as error:
            return _closing("bad-message", error.message)
        except AccessRefused as error:
            self._refused = error
            return _closing("forbidden", error.message)

    async def _tell(self) -> None:
        """What is there to tell, as it comes."""
        nap, carried = LOOK_S, False
        while not self._socket.closed:
            with suppress(TimeoutError):  # the look that is due without news
                async with asyncio.timeout(nap):
                    await self._line.news.wait()
            self._line.news.clear()
            carried |= self._line.carried_by(self._socket)
            if not carried:
                continue
            async with self._order:
                now = moment()
                answer = await self._line.tick(now, transport=self._socket)
                if answer.step.messages:
                    await self._answers.put(answer)
            nap = LOOK_S + max(0.0, (answer.step.wake or now.ticks) - now.ticks)

    async def _send(self) -> None:
        """Answers in their order, each when it is ready, until one is the last."""
        going = True
        while going:
            try:
                step = await self._line.ready(await self._answers.get())
            except AccessRefused as error:
                self._refused = error
                step = _closing("forbidden", error.message).step
            going = await _say(self._socket, step)


async def _say(socket: web.WebSocketResponse, step: Step) -> bool:
    """Whether the connection goes on."""
    try:
        for message in step.messages:
            await socket.send_str(render(message).decode())
    except ConnectionError:
        return False  # gone before it was answered; it comes again, and is told then
    if _is_last(step):
        await socket.close(code=WEBSOCKET_CLOSE)
        return False
    return True


def _is_last(step: Step) -> bool:
    return any(isinstance(item, Closed | Close) for item in (*step.events, *step.messages))


def _closing(reason: CloseReason, message: str) -> Answer:
    return Answer(Step(messages=(Close(reason=reason, message=message[:1024]),)))
