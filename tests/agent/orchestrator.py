"""An orchestrator for tests: the protocol's own session on real sockets, with certificates, in its own thread.

It does what a test says, and can be bad: refuse WebSockets, lose results, be mute, come back with an older store.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import threading
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.protocol.assignment_log import AssignmentLog
from reconciler.protocol.message.common import Actor, Message, Signature
from reconciler.protocol.message.document import AssignedDocument, version_of
from reconciler.protocol.message.kinds import OF_AGENTS
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import Cancel, Close, DocumentReport, Heartbeat, Hello
from reconciler.protocol.message.task import FENCED, AgentTask
from reconciler.protocol.reading import as_value, read, render
from reconciler.protocol.routes import STATUS
from reconciler.protocol.session.events import Finished, Logged, Step
from reconciler.protocol.session.orchestrator import OrchestratorSession, OrchestratorSettings
from reconciler.protocol.wire.canonical import detached
from reconciler.protocol.wire.times import Moment, time_text
from reconciler.sealing.release_keys import ReleaseKey, new_release_key
from reconciler.sealing.signed_task import sign_task
from reconciler.tls.contexts import ServerContext
from reconciler.tls.join_token import make_token, read_token
from reconciler.tls.peer import peer_of
from tests.parts.host import wait_until
from tests.parts.transports import all_gone
from tests.tls.fleet import SERVER, moment, new_authority

NAMES = ("localhost", "127.0.0.1")
ALICE = Actor("user", "alice")
T = TypeVar("T")
Item = TypeVar("Item", AgentTask, AssignedDocument)


def signed(item: Item, key: ReleaseKey) -> Item:
    """With a signature of the key over all of it."""
    told = json.loads(sign_task(detached(as_value(item))["task"], key))
    return replace(item, signature=Signature("Ed25519", told["keyId"], told["signature"]))


@dataclass
class Orchestrator:
    """``sockets``: whether it takes WebSockets. ``lose_results``: it stores them and does not answer.
    ``unavailable``: digests that it cannot tell now. ``slow_s``: until a request is looked at."""

    agent: str = "host-a"
    sockets: bool = True
    lose_results: bool = False
    interval: int = 1
    key: ReleaseKey = field(default_factory=new_release_key)
    results: dict[str, list[TaskResult]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    reports: dict[str, DocumentReport] = field(default_factory=dict)
    hellos: list[Hello] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    unavailable: set[str] = field(default_factory=set)
    generations: dict[str, int] = field(default_factory=dict)
    life: timedelta = timedelta(hours=24)
    renewals: int = 0
    mute: bool = False
    slow_s: float = 0.0

    def __post_init__(self) -> None:
        self.authority = new_authority()
        self.log = AssignmentLog(str(uuid.uuid4()))
        self._session: OrchestratorSession | None = None
        self._socket: web.WebSocketResponse | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runners: list[web.AppRunner] = []
        self.port = self.desk_port = 0

    # ---- life

    def start(self) -> Orchestrator:
        """Listen; at the same ports as before."""
        self._do(self._start)
        return self

    def stop(self) -> None:
        """Be gone; what is known stays."""
        self._do(self._stop)

    def close(self) -> None:
        self.stop()
        self._do(all_gone)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def forget_all(self) -> None:
        """An older copy of the store was put back: nothing is assigned, counted from the beginning."""
        self.log = AssignmentLog(str(uuid.uuid4()))
        self.generations = {}
        self._session = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def desk_url(self) -> str:
        return f"https://127.0.0.1:{self.desk_port}"

    def token(self) -> str:
        secret = Secret(secrets.token_bytes(32))
        until = moment() + timedelta(hours=1)
        return make_token(self.agent, self.authority.fingerprint, secret, expires=until).text().text()

    # ---- what a person does

    def assign(self, name: str, text: str, **changes: Any) -> AssignedDocument:
        given: dict[str, Any] = {
            "id": name,
            "target_id": self.agent,
            "version": version_of(text, changes.get("artifacts", ())),
            "generation": self._next(name, changes.pop("generation", None)),
            "text": text,
            "issued_at": datetime.now(UTC),
            "actor": ALICE,
        }
        document = signed(AssignedDocument(**{**given, **changes}), self.key)
        self._do(self._changed, lambda: self.log.assign(document))
        return document

    def withdraw(self, name: str) -> None:
        self._do(self._changed, lambda: self.log.withdraw(name))

    def ask(self, type: str, payload: Any, **changes: Any) -> AgentTask:  # noqa: A002
        """Hand out a task, made as ``make`` does."""
        task = self.make(type, payload, **changes)
        self.hand_out(task)
        return task

    def make(
        self,
        type: str,  # noqa: A002
        payload: Any,
        *,
        sign: bool = True,
        prepare: Callable[[AgentTask], AgentTask] = lambda made: made,
        **changes: Any,
    ) -> AgentTask:
        """A task that nobody has yet. ``prepare`` sees it before it is signed."""
        name = changes.get("document", "web")
        given: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "type": type,
            "target_id": self.agent,
            "payload": payload,
            "timeout_seconds": 60,
            "priority": "normal",
            "idempotency_key": uuid.uuid4().hex,
            "attempt": 1,
            "assigned_at": datetime.now(UTC),
            "expires_at": datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1),
            "actor": ALICE,
            "document": name,
            "generation": self._next(name, None) if type in FENCED and "generation" not in changes else None,
        }
        task = prepare(AgentTask(**{**given, **changes}))
        return signed(task, self.key) if sign else task

    def hand_out(self, task: AgentTask) -> None:
        self._do(self._changed, lambda: self.log.hand_out(task))

    def cancel(self, task: AgentTask) -> None:
        cancel = Cancel(task_id=task.id, idempotency_key=task.idempotency_key, reason="not needed", actor=ALICE)
        self._do(self._changed, lambda: self.log.cancel(cancel))

    def result(self, task: AgentTask, *, within_s: float = 30.0) -> TaskResult:
        """The first that comes."""
        came = wait_until(lambda: bool(self.results.get(task.id)), seconds=within_s)
        assert came, f"no result of {task.type} within {within_s:g} s"
        return self.results[task.id][0]

    def cut(self) -> None:
        """Cut every connection."""
        self._do(self._cut)

    def ping_and_cut(self) -> None:
        """Ping whom a WebSocket leads to, who can no longer answer."""
        self._do(self._ping)
        self._do(self._cut)

    # ---- within

    def _next(self, name: str, wanted: int | None) -> int:
        self.generations[name] = wanted or self.generations.get(name, 0) + 1
        return self.generations[name]

    def _do(self, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        async def work() -> T:
            return await call(*arguments)

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    async def _changed(self, change: Callable[[], None]) -> None:
        change()
        await self._push()

    async def _push(self) -> None:
        if self._socket is not None and self._session is not None and not self._socket.closed:
            with suppress(ConnectionResetError):  # it was just cut: the next session begins with all of it
                await self._send(self._session.tick(self._now()))

    async def _start(self) -> None:
        passport = self.authority.passport(SERVER, names=NAMES, now=moment())
        app = web.Application(client_max_size=8 << 20)
        base = "/v1/agents/{id}"
        for path in ("session", "heartbeat", "results", "logs"):
            app.router.add_post(f"{base}/{path}", self._message)
        app.router.add_get(f"{base}/stream", self._stream)
        app.router.add_get(f"{base}/artifacts/{{digest}}", self._artifact)
        app.router.add_post(f"{base}/certificate", self._renew)
        app.router.add_get("/v1/roots", self._roots)
        desk = web.Application()
        desk.router.add_get("/v1/roots", self._roots)
        desk.router.add_post("/v1/enroll", self._enroll)
        self.port = await self._listen(app, self.port, ServerContext(passport))
        self.desk_port = await self._listen(desk, self.desk_port, ServerContext(passport, clients=False))

    async def _listen(self, app: web.Application, port: int, context: ServerContext) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context.context, reuse_address=True).start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    async def _stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners = []
        self._session = self._socket = None

    async def _ping(self) -> None:
        assert self._socket is not None
        await self._socket.ping()

    async def _cut(self) -> None:
        for runner in self._runners:
            for connection in list(runner.server.connections) if runner.server else ():
                if connection.transport is not None:
                    connection.transport.abort()

    def _now(self) -> Moment:
        return Moment(datetime.now(UTC), self._loop.time())

    def _hear(self, request: web.Request, content: bytes, *, push: bool) -> Step:
        assert peer_of(request).member == Member(Role.AGENT, request.match_info["id"]), "speaks for another"
        message = read(content, OF_AGENTS)
        if self.mute:
            return Step()
        if isinstance(message, Hello):
            self.hellos.append(message)
            self.by.append("websocket" if push else "polling")
            settings = OrchestratorSettings(interval_seconds=self.interval, spread_seconds=1, push=push)
            self._session = OrchestratorSession(self.agent, str(uuid.uuid4()), log=self.log, settings=settings)
        if isinstance(message, Heartbeat):
            self.reports = {item.id: item for item in message.documents}
        if self._session is None:
            return Step(messages=(Close(reason="session-unknown", message="begin one"),))
        step = self._session.receive(message, self._now())
        for event in step.events:
            if isinstance(event, Finished):
                self.results.setdefault(event.result.task_id, []).append(event.result)
                self.log.done(event.result.task_id)
            if isinstance(event, Logged):
                self.texts[event.task_id] = self.texts.get(event.task_id, "") + event.text
        lost = self.lose_results and isinstance(message, TaskResult)
        return Step() if lost else step

    async def _message(self, request: web.Request) -> web.Response:
        content = await request.read()
        await asyncio.sleep(self.slow_s)
        step = self._hear(request, content, push=False)
        while self.mute:  # noqa: ASYNC110  (set by another thread)
            await asyncio.sleep(0.1)
        if not step.messages:
            return web.Response(status=503)
        answer: Message = step.messages[0]
        status = STATUS[answer.reason] if isinstance(answer, Close) else 200
        return web.Response(body=render(answer), status=status, content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not self.sockets:
            return web.Response(status=404)
        self._socket = socket = web.WebSocketResponse(max_msg_size=8 << 20)
        with suppress(ConnectionResetError):  # it is gone, or was cut: the next session begins with all of it
            await socket.prepare(request)
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._send(self._hear(request, frame.data.encode(), push=True))
                    await self._push()
        return socket

    async def _send(self, step: Step) -> None:
        assert self._socket is not None
        for message in step.messages:
            await self._socket.send_str(render(message).decode())

    async def _artifact(self, request: web.Request) -> web.Response:
        if request.match_info["digest"] in self.unavailable:
            return web.Response(status=503)
        content = self.artifacts.get(request.match_info["digest"])
        return web.Response(body=content) if content is not None else web.Response(status=404)

    async def _roots(self, _: web.Request) -> web.Response:
        return web.Response(body=self.authority.bundle)

    async def _enroll(self, request: web.Request) -> web.Response:
        asked = await request.json()
        token = read_token(Secret(asked["token"].encode()))
        assert token.target == asked["agent"]
        assert len(base64.b64decode(asked["sealingKey"])) == 32
        return self._certificate(asked["certificateRequest"], asked["agent"])

    async def _renew(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.renewals += 1
        return self._certificate(asked["certificateRequest"], peer_of(request).member.name)

    def _certificate(self, request: str, name: str) -> web.Response:
        issued = self.authority.sign(request.encode(), Member(Role.AGENT, name), now=moment(), life=self.life)
        public = self.key.public.decode()
        told = {
            "certificate": issued.chain.decode(),
            "authorities": issued.roots.decode(),
            "taskKeys": [{"keyId": self.key.id, "algorithm": "Ed25519", "value": public}],
            "notAfter": time_text(issued.ends),
            "renewAfter": time_text(issued.begins + self.life * 0.6),
        }
        return web.json_response(told, status=201)
