"""Agents without hosts: the protocol's session over real TLS, many in one process; what they saw, and when."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from reconciler.protocol.admission import Identity
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import OF_ORCHESTRATORS
from reconciler.protocol.message.session import DocumentReport, Heartbeat, HeartbeatAnswer
from reconciler.protocol.reading import read, render
from reconciler.protocol.routes import SPEAKING
from reconciler.protocol.session.agent import AgentSession, AgentSettings
from reconciler.protocol.session.desk import DeskSettings
from reconciler.protocol.session.events import Closed, KeepDocument, Opened, Step
from reconciler.protocol.wire.times import Moment

PATHS = {route.body: route.path for route in SPEAKING}
PING_S = 15.0
_BYTES = struct.Struct("=QQ")
_BYTES_AT = 120
"""Of ``tcpi_bytes_acked`` and ``tcpi_bytes_received`` in ``struct tcp_info`` (tcp(7))."""


def moment() -> Moment:
    return Moment(datetime.now(UTC), time.monotonic())


class Wires:
    """All connections of the crowd, and how many bytes have gone over them."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []

    def new(self, address: Any) -> socket.socket:
        """As aiohttp asks for one."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._open.append(made)
        return made

    @property
    def bytes(self) -> int:
        """Both ways, with TLS, over those that are open."""
        self._open = [wire for wire in self._open if wire.fileno() >= 0]
        size = _BYTES_AT + _BYTES.size
        told = (wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size) for wire in self._open)
        return sum(sum(_BYTES.unpack_from(info, _BYTES_AT)) for info in told)


@dataclass
class Seen:
    """Times by agent; ``beats``: heartbeats that were answered."""

    opened: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    beats: int = 0
    lost: int = 0


class Agent:
    """One, until its task is cancelled. ``spread``: over how many seconds it first comes."""

    def __init__(self, name: str, server: str, context: ssl.SSLContext, seen: Seen, *, sockets: bool) -> None:
        self.name, self._server, self._context, self._seen = name, server, context, seen
        self._sockets = sockets
        self._telling = 0
        desk = DeskSettings(identity=Identity(agent=name), verify=lambda _: "", policy=AgentPolicy())
        self._session = AgentSession(AgentSettings(desk=desk, instance=str(uuid4()), agent_version="bench"))

    async def live(self, http: aiohttp.ClientSession, spread: float) -> None:
        """Come, stay, and come again as a real one does."""
        await asyncio.sleep(random.uniform(0, spread))  # noqa: S311
        while True:
            try:
                await (self._stream(http) if self._sockets else self._poll(http))
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._seen.lost += 1
            self._session.closed()
            await asyncio.sleep(self._session.reconnect.delay(random.random()))  # noqa: S311

    async def _stream(self, http: aiohttp.ClientSession) -> None:
        url = f"{self._server}/v1/agents/{self.name}/stream"
        async with http.ws_connect(url, ssl=self._context, heartbeat=PING_S, compress=0) as link:
            step = self._session.opened(moment())
            while True:
                for message in self._followed(step):
                    await link.send_str(render(message).decode())
                    self._session.took(message, moment())
                if any(isinstance(event, Closed) for event in step.events):
                    return
                try:
                    frame = await link.receive(timeout=self._nap(step))
                except TimeoutError:
                    step = self._session.tick(moment())
                    continue
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    return
                step = self._heard(frame.data.encode())

    async def _poll(self, http: aiohttp.ClientSession) -> None:
        out = deque(self._followed(self._session.opened(moment())))
        while True:
            step = Step()
            while out:
                message = out.popleft()
                url = self._server + PATHS[message.KIND].format(id=self.name)
                async with http.post(url, data=render(message), ssl=self._context) as answer:
                    content = await answer.read()
                self._session.took(message, moment())
                step = self._heard(content) if content else Step()
                out.extend(self._followed(step))
            if not self._session.session:
                return
            await asyncio.sleep(self._nap(step))
            out.extend(self._followed(self._session.tick(moment())))

    def _nap(self, step: Step) -> float:
        return max(0.05, min(30.0, (step.wake or 0.0) - time.monotonic()))

    def _heard(self, content: bytes) -> Step:
        message: Any = read(content, OF_ORCHESTRATORS)
        if isinstance(message, HeartbeatAnswer):
            self._seen.beats += 1
            if self._telling and message.number >= self._telling:
                self._seen.told.setdefault(self.name, time.monotonic())
        return self._session.receive(message, moment())

    def _followed(self, step: Step) -> list[Message]:
        """What is to be sent, after all else is done."""
        for event in step.events:
            if isinstance(event, Opened):
                self._seen.opened.setdefault(self.name, time.monotonic())
            if isinstance(event, KeepDocument):
                self._seen.arrived.setdefault(self.name, time.monotonic())
                seen = DocumentReport(id=event.document.id, phase="converged", sync="synced", health="healthy")
                self._session.observed([seen], moment())
        for message in step.messages:
            if isinstance(message, Heartbeat) and not self._telling and any(d.sync for d in message.documents):
                self._telling = message.number
        return list(step.messages)
