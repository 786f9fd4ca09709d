"""An orchestrator on real sockets, and agents made of nothing but the protocol's own session."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp

from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.orchestrator.home import Home, Reached
from reconciler.orchestrator.invite import make_invitation
from reconciler.orchestrator.program import Options, Orchestrator
from reconciler.orchestrator.store.database import Database
from reconciler.protocol.admission import Identity
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import OF_ORCHESTRATORS
from reconciler.protocol.reading import read, render
from reconciler.protocol.reconnect import SessionGate
from reconciler.protocol.routes import SPEAKING
from reconciler.protocol.session.agent import AgentSession, AgentSettings
from reconciler.protocol.session.desk import DeskSettings
from reconciler.protocol.session.events import Begin, Event, KeepDocument, Step
from reconciler.protocol.session.work import WorkReport
from reconciler.protocol.wire.times import Moment
from reconciler.sealing.boxes import new_key, public_of
from reconciler.tls.certificates import PrivateKey
from reconciler.tls.certificates import new_key as new_tls_key
from reconciler.tls.contexts import client_context, enrolment_context
from reconciler.tls.join_token import read_token
from reconciler.tls.passport import Passport, make_passport
from reconciler.tls.pinning import fetch_roots, pinned_root
from reconciler.tls.requests import make_request
from tests.parts.transports import all_gone

T = TypeVar("T")
BY_BODY = {route.body: route.path for route in SPEAKING}
ADMIN = Member(Role.ADMIN, "ada")
LABELS: Mapping[str, str] = {"region": "north"}


def now() -> datetime:
    return datetime.now(UTC)


def moment() -> Moment:
    return Moment(now(), asyncio.get_running_loop().time())


def run(work: Coroutine[Any, Any, T], *, within_s: float = 30) -> T:
    return asyncio.run(asyncio.wait_for(work, within_s))


class Fleet:
    """``server`` is a running orchestrator."""

    def __init__(self, server: Orchestrator) -> None:
        self.server = server

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.members.port}"

    @property
    def enroll_url(self) -> str:
        return f"https://127.0.0.1:{self.server.enrolment.port}"

    def token(self, name: str, *, life: timedelta = timedelta(hours=1)) -> str:
        """A join token, as an operator makes it."""
        made = make_invitation(self.server.home, name, labels={}, life=life, actor="ada")
        with self.server.database.write() as on:
            made.keep(on)
        return made.token.text().reveal().decode()

    async def enroll(self, token: str, name: str, key: PrivateKey | None = None) -> tuple[int, Any]:
        """Status and body of an enrolment."""
        root = read_token(Secret(token.encode())).root
        bundle, _ = await fetch_roots(f"{self.enroll_url}/v1/roots")
        context = enrolment_context(pinned_root(bundle, root, now=now()))
        body = {"token": token, "agent": name, **asked_for(key or new_tls_key())}
        url = f"{self.enroll_url}/v1/enroll"
        async with aiohttp.ClientSession() as session, session.post(url, json=body, ssl=context) as answer:
            return answer.status, await answer.json(content_type=None)

    async def join(self, name: str) -> Passport:
        """A new agent's passport."""
        key = new_tls_key()
        status, body = await self.enroll(self.token(name), name, key)
        assert status == 201, body
        return make_passport(key, body["certificate"].encode(), body["authorities"].encode())

    def admin(self, member: Member = ADMIN) -> Passport:
        return self.server.home.authority.authority().passport(member, now=now())

    async def ask(self, passport: Passport, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """One request over a new connection: status and body."""
        async with aiohttp.ClientSession() as session:
            context = client_context(passport)
            async with session.request(method, f"{self.url}{path}", ssl=context, **options) as answer:
                return answer.status, await answer.json(content_type=None)


def asked_for(key: PrivateKey) -> dict[str, str]:
    sealing = base64.b64encode(public_of(new_key())).decode()
    return {"certificateRequest": make_request(key).decode(), "sealingKey": sealing}


@asynccontextmanager
async def fleet(folder: Path, **options: Any) -> AsyncIterator[Fleet]:
    """A new orchestrator, or the one that lies there already."""
    home = Home(folder / "home")
    reached = Reached(names=("127.0.0.1",), listen="127.0.0.1:0", enroll="127.0.0.1:0")
    if not home.path.exists():
        home.create(reached, ADMIN, now=now())
    gate = SessionGate(burst=100)
    database = Database(home.database)
    try:
        server = Orchestrator(home, reached, database, Options(**{"interval_s": 1, "gate": gate, **options}))
        async with server.running():
            yield Fleet(server)
        await all_gone()
    finally:
        database.close()


class Agent:
    """A minimal one: what it is asked for is done at once. It polls, or has a WebSocket."""

    def __init__(
        self, fleet: Fleet, passport: Passport, *, outcome: str = "succeeded", labels: Mapping[str, str] = LABELS
    ) -> None:
        self.fleet = fleet
        self.passport = passport
        self.name = passport.member.name
        self.outcome: Any = outcome
        self.events: list[Event] = []
        self.working = True
        policy = AgentPolicy()
        desk = DeskSettings(identity=Identity(agent=self.name), verify=lambda item: "", policy=policy)
        settings = AgentSettings(desk=desk, instance=str(uuid4()), agent_version="1.0", labels=labels)
        self.session = AgentSession(settings)

    @property
    def documents(self) -> dict[str, Any]:
        return dict(self.session.held.documents)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def _follow(self, step: Step) -> list[Message]:
        """Carry out a step. What is to be sent then."""
        self.events += step.events
        told = list(step.messages)
        for event in step.events:
            if isinstance(event, Begin) and self.working:
                told += self.work(event)
        return told

    def work(self, begin: Begin) -> Iterable[Message]:
        """Do it; what is to be said then."""
        task = begin.entry.task
        found: list[Message] = []
        if task.mutates:
            stop, step = self.session.pass_no_return(task.id, moment())
            assert stop is None
            found += self._follow(step)
        found += self._follow(self.session.said(task.id, f"worked on {task.type}\n", moment()))
        report = WorkReport(outcome=self.outcome, outputs={"seen": "it"})
        return found + self._follow(self.session.finished(task.id, report, moment()))

    # ---- by polling

    async def poll(self, until: Callable[[], bool] = lambda: True, within_s: float = 10.0) -> None:
        """Say what there is to say, until something holds."""
        context = client_context(self.passport)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
            told = self._follow(self.session.opened(moment())) if not self.session.session else []
            begun = asyncio.get_running_loop().time()
            while True:
                while told:
                    told += await self._said(http, told.pop(0))
                if self.session.session and until():
                    return
                assert asyncio.get_running_loop().time() - begun < within_s, "it never held"
                await asyncio.sleep(0.05)
                told += self._follow(self.session.tick(moment()))

    async def _said(self, http: aiohttp.ClientSession, message: Message) -> list[Message]:
        path = BY_BODY[message.KIND].format(id=self.name)
        async with http.post(f"{self.fleet.url}{path}", data=render(message)) as answer:
            content = await answer.read()
            assert answer.status in {200, 204}, content
        self.session.took(message, moment())
        return self._follow(self.session.receive(read(content, OF_ORCHESTRATORS), moment())) if content else []

    # ---- by WebSocket

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connected, and answering, while the block lasts."""
        context = client_context(self.passport)
        async with aiohttp.ClientSession() as http:
            url = f"{self.fleet.url}/v1/agents/{self.name}/stream"
            async with http.ws_connect(url, ssl=context) as socket:
                await self._send(socket, self.session.opened(moment()))
                work = [asyncio.create_task(self._hear(socket)), asyncio.create_task(self._beat(socket))]
                try:
                    yield socket
                finally:
                    for task in work:
                        task.cancel()
                    await asyncio.gather(*work, return_exceptions=True)
                    self.session.closed()

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            message = read(frame.data.encode(), OF_ORCHESTRATORS)
            await self._send(socket, self.session.receive(message, moment()))

    async def _beat(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(0.05)
            await self._send(socket, self.session.tick(moment()))

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, step: Step) -> None:
        await self.send(socket, self._follow(step))

    async def send(self, socket: aiohttp.ClientWebSocketResponse, messages: Iterable[Message]) -> None:
        for message in messages:
            await socket.send_str(render(message).decode())
            self.session.took(message, moment())


async def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    begun = asyncio.get_running_loop().time()
    while not holds():
        assert asyncio.get_running_loop().time() - begun < within_s, "it never held"
        await asyncio.sleep(0.02)


__all__ = ["ADMIN", "Agent", "Fleet", "KeepDocument", "eventually", "fleet", "moment", "now", "run"]
