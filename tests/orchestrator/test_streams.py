"""Sessions over WebSockets that go wrong: refused with a reason, superseded, slowed down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMessage, WSMsgType
from structlog.testing import capture_logs

from reconciler.core.member import Member, Role
from reconciler.orchestrator import stream
from reconciler.orchestrator.line import Answer
from reconciler.orchestrator.threads import to_the_end
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.kinds import OF_ORCHESTRATORS
from reconciler.protocol.message.session import Close, Ping
from reconciler.protocol.reading import read, render
from reconciler.protocol.reconnect import SessionGate
from reconciler.protocol.routes import WEBSOCKET_CLOSE
from reconciler.protocol.session.events import Step
from reconciler.tls.admission import Peer
from reconciler.tls.contexts import client_context
from reconciler.tls.guard import CONNECTIONS, PEER
from reconciler.tls.passport import Passport
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, moment, now, run
from tests.protocol.makers import uid


@asynccontextmanager
async def connected(world: Fleet, passport: Passport) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{world.url}/v1/agents/{passport.member.name}/stream"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, ssl=client_context(passport)) as socket,
    ):
        yield socket


async def told(socket: aiohttp.ClientWebSocketResponse) -> Message:
    return read((await socket.receive_str(timeout=10)).encode(), OF_ORCHESTRATORS)


@pytest.mark.parametrize(
    ("frame", "reason"), [("no JSON", "bad-message"), ("{}", "bad-message"), ("hello of another", "forbidden")]
)
def test_what_is_wrong_ends_the_session_with_a_reason(tmp_path: Path, frame: str, reason: str) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            other = Agent(world, await world.join("host-b"))
            if reason == "forbidden":
                (hello,) = other.session.opened(moment()).messages
                frame_ = render(hello).decode()
            else:
                frame_ = frame
            async with connected(world, passport) as socket:
                await socket.send_str(frame_)
                answer = await told(socket)
                assert isinstance(answer, Close)
                assert answer.reason == reason
                assert (await socket.receive(timeout=10)).type == WSMsgType.CLOSE
                assert socket.close_code == WEBSOCKET_CLOSE

    run(scene())


@pytest.mark.fault("N11")
def test_a_frame_larger_than_a_message_may_be_ends_the_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world, connected(world, await world.join("host-a")) as socket:
            await socket.send_str("x" * ((4 << 20) + 1))
            assert (await socket.receive(timeout=10)).type in {WSMsgType.CLOSE, WSMsgType.CLOSED}

    run(scene())


@pytest.mark.parametrize("pings", [0, 20])
def test_an_agent_that_vanishes_before_it_is_answered_is_no_fault(tmp_path: Path, pings: int) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            (hello,) = agent.session.opened(moment()).messages
            with capture_logs() as logs:
                async with connected(world, agent.passport) as socket:
                    await socket.send_str(render(hello).decode())
                    for _ in range(pings):
                        await socket.ping()
                    socket._writer.transport.abort()
                await asyncio.sleep(0.5)
                await agent.poll()
            assert [line for line in logs if line["log_level"] == "error"] == []

    run(scene())


def test_a_new_session_supersedes_the_one_before_whatever_it_came_by(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            first, second = Agent(world, passport), Agent(world, passport)
            async with first.streaming() as socket:
                await eventually(lambda: bool(first.session.session))
                await second.poll()
                await eventually(lambda: socket.closed)
                assert "superseded" in {getattr(event, "reason", "") for event in first.events}

    run(scene())


@pytest.mark.fault("N3")
def test_a_link_that_comes_and_goes_is_slowed_down(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path, gate=SessionGate(every=60, burst=1)) as world:
            passport = await world.join("host-a")
            agent = Agent(world, passport)
            (hello,) = agent.session.opened(moment()).messages
            path, body = "/v1/agents/host-a/session", render(hello)
            assert (await world.ask(passport, "POST", path, data=body))[0] == 200
            status, answer = await world.ask(passport, "POST", path, data=body)
            assert (status, answer["reason"]) == (429, "too-many-sessions")
            assert answer["retryAfterSeconds"] > 0

    run(scene())


def test_a_heartbeat_without_a_session_is_told_to_begin_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            await agent.poll()
        async with fleet(tmp_path) as world:
            agent.fleet = world
            beat = agent.session.tick(moment().later(1.5)).messages[0]
            status, answer = await world.ask(
                agent.passport, "POST", "/v1/agents/host-a/heartbeat", data=render(beat)
            )
            assert (status, answer["reason"]) == (409, "session-unknown")

    run(scene())


def test_work_in_a_thread_is_waited_for_also_by_who_is_cancelled() -> None:
    done: list[str] = []

    async def scene() -> None:
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
            done.append("work")

        waiting = asyncio.create_task(to_the_end(work))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.sleep(0.05)
        assert not waiting.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert done == ["work"]

    run(scene())


class Slow:
    """Lines, one line, and who is let in: all answers are numbers. The disk is awaited until ``written``; to look
    for news takes until ``looked``.
    """

    def __init__(self) -> None:
        self.agent = "host-a"
        self.news, self.written, self.looked = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._numbers = count(1)

    def of(self, _agent: str) -> Slow:
        return self

    def carried_by(self, _socket: object) -> bool:
        return True

    async def refusal(self, _peer: object) -> None:
        pass

    async def hear(self, *_: object, **__: object) -> Answer:
        return Answer(Step(messages=(Ping(session=uid(1), number=next(self._numbers)),)))

    async def tick(self, *_: object, **__: object) -> Answer:
        await self.looked.wait()
        return await self.hear()

    async def ready(self, answer: Answer) -> Step:
        await self.written.wait()
        return answer.step


class Socket:
    """Three messages come; what is sent is kept."""

    closed = False

    def __init__(self) -> None:
        self.sent: list[int] = []
        self._coming = [WSMessage(WSMsgType.TEXT, render(Ping(session=uid(1), number=1)).decode(), None)] * 3

    async def receive(self) -> WSMessage:
        if not self._coming:
            await asyncio.Event().wait()
        return self._coming.pop()

    async def send_str(self, text: str) -> None:
        self.sent.append(json.loads(text)["number"])


def test_news_do_not_overtake_an_answer_for_which_there_was_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "AHEAD", 1)

    async def scene() -> list[int]:
        slow: Any = Slow()
        socket: Any = Socket()
        member = Member(Role.AGENT, slow.agent)
        request: Any = {PEER: Peer(member=member, serial=1, begins=now(), ends=now()), CONNECTIONS: slow}
        slow.news.set()
        living = asyncio.create_task(stream._Link(slow, request, socket).live())
        await asyncio.sleep(0.1)
        slow.written.set()
        slow.looked.set()
        await eventually(lambda: len(socket.sent) == 4)
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        found: list[int] = socket.sent
        return found

    assert run(scene()) == [1, 2, 3, 4]
