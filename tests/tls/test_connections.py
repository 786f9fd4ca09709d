"""Who was let in and may not speak any more: refused with the next request, cut off from open connections."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType

from reconciler.core.member import Member, Role
from reconciler.errors import StateUnwritable
from reconciler.tls.admission import FOR_EVER, NOBODY, Denied, Peer, may
from reconciler.tls.certificates import BACKDATED
from reconciler.tls.connections import LONGEST_BOUND_S, Limits
from reconciler.tls.contexts import client_context
from tests.tls.fleet import AGENT, HOUR, OTHER, Orchestrator, eventually, get, moment, new_authority, run

AUTHORITY = new_authority()
PASSPORT = AUTHORITY.passport(AGENT, now=moment())
SERIAL = PASSPORT.certificate.serial_number
BOUND_S = 0.6
NOW = moment()
SECOND = timedelta(seconds=1)


def quick(oldest_s: float = 3600.0) -> Orchestrator:
    return Orchestrator(AUTHORITY, bound_s=BOUND_S, oldest_s=oldest_s)


def peer(issued: datetime = NOW, member: Member = AGENT) -> Peer:
    return Peer(member=member, serial=7, begins=issued - BACKDATED, ends=issued + 24 * HOUR)


def test_a_peer_may_speak_until_its_certificate_ends() -> None:
    assert may(peer(), NOBODY, now=NOW) is None
    assert may(peer(), NOBODY, now=NOW + 24 * HOUR - SECOND) is None
    assert "expired at" in str(may(peer(), NOBODY, now=NOW + 24 * HOUR))


def test_one_certificate_is_denied_or_all_of_a_member_or_none() -> None:
    assert "certificate 7 of agent host-a is revoked" in str(may(peer(), Denied(serials=frozenset({7})), now=NOW))
    assert may(peer(), Denied(serials=frozenset({8})), now=NOW) is None
    assert may(peer(), Denied(members={AGENT: NOW + SECOND}), now=NOW) == "agent host-a is revoked"
    others = {OTHER: FOR_EVER, Member(Role.ADMIN, AGENT.name): FOR_EVER}
    assert may(peer(), Denied(members=others), now=NOW) is None


def test_a_member_that_is_let_in_again_does_not_bring_its_old_certificates_back() -> None:
    denied = Denied(members={AGENT: NOW})
    assert may(peer(NOW - SECOND), denied, now=NOW)
    assert may(peer(NOW), denied, now=NOW) is None
    assert may(peer(NOW + 20 * HOUR), Denied(members={AGENT: FOR_EVER}), now=NOW)


@pytest.mark.fault("X2")
def test_who_was_revoked_is_refused_on_a_new_connection_and_on_one_that_was_kept() -> None:
    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server, aiohttp.ClientSession() as session:
            context = client_context(PASSPORT)
            async with session.get(f"{server.url}/agents", ssl=context) as answer:
                assert answer.status == 200
            server.denied = Denied(serials=frozenset({SERIAL}))
            async with session.get(f"{server.url}/agents", ssl=context) as answer:
                assert (answer.status, answer.headers["Connection"]) == (403, "close")
            status, said = await get(f"{server.url}/agents", client_context(PASSPORT))
            assert (status, said) == (403, f"the certificate {SERIAL:x} of agent host-a is revoked")
            renewed = client_context(AUTHORITY.passport(AGENT, now=moment()))
            assert (await get(f"{server.url}/agents", renewed))[0] == 200
            server.denied = Denied(members={AGENT: FOR_EVER})
            assert (await get(f"{server.url}/agents", renewed)) == (403, "agent host-a is revoked")

    run(main())


@pytest.mark.fault("X4")
def test_an_open_web_socket_is_closed_within_the_bound() -> None:
    async def main() -> None:
        async with (
            Orchestrator(AUTHORITY, bound_s=BOUND_S).serving() as server,
            aiohttp.ClientSession() as session,
        ):
            socket = await session.ws_connect(
                f"{server.url}/stream", ssl=client_context(PASSPORT), autoclose=False
            )
            await socket.send_str("here")
            assert (await socket.receive()).data == "heard here"
            await asyncio.sleep(BOUND_S)
            assert not server.cut
            server.denied = Denied(members={AGENT: FOR_EVER})
            message = await socket.receive()
            assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.POLICY_VIOLATION)
            assert message.extra == "agent host-a is revoked"
            assert await eventually(lambda: bool(server.cut)) < BOUND_S
            assert server.cut == ["agent host-a: agent host-a is revoked"]
            assert not len(server.connections)
            await socket.close()

    run(main())


@pytest.mark.fault("X4")
def test_who_does_not_answer_a_close_is_cut_off_within_the_bound() -> None:
    async def main() -> None:
        async with quick().serving() as server, aiohttp.ClientSession() as session:
            context = client_context(PASSPORT)
            socket = await session.ws_connect(f"{server.url}/push", ssl=context, autoclose=False)
            assert (await socket.receive()).data == "here"
            server.denied = Denied(serials=frozenset({SERIAL}))
            assert await eventually(lambda: bool(server.cut)) < BOUND_S
            assert (await socket.receive()).data == WSCloseCode.POLICY_VIOLATION
            assert (await socket.receive()).type is WSMsgType.CLOSED
            await socket.close()

    run(main())


@pytest.mark.fault("X4")
def test_a_certificate_that_expires_ends_its_open_connections() -> None:
    async def main() -> None:
        async with (
            Orchestrator(AUTHORITY, bound_s=BOUND_S).serving() as server,
            aiohttp.ClientSession() as session,
        ):
            passport = AUTHORITY.passport(AGENT, now=moment(), life=2 * SECOND)
            socket = await session.ws_connect(f"{server.url}/stream", ssl=client_context(passport))
            message = await socket.receive()
            assert (message.type, str(message.extra)[:37]) == (
                WSMsgType.CLOSE,
                "the certificate of agent host-a expir",
            )
            assert moment() - passport.certificate.not_valid_after_utc <= SECOND

    run(main())


@pytest.mark.fault("X4")
def test_a_connection_that_is_only_kept_is_cut_too() -> None:
    async def main() -> None:
        async with (
            Orchestrator(AUTHORITY, bound_s=BOUND_S).serving() as server,
            aiohttp.ClientSession() as session,
        ):
            async with session.get(f"{server.url}/agents", ssl=client_context(PASSPORT)) as answer:
                assert answer.status == 200
            assert len(server.connections) == 1
            server.denied = Denied(serials=frozenset({SERIAL}))
            assert await eventually(lambda: len(server.connections) == 0) < BOUND_S
            await eventually(lambda: bool(server.cut))

    run(main())


def test_an_old_web_socket_is_asked_to_come_again_and_an_old_connection_is_not_kept() -> None:
    async def main() -> None:
        async with quick(oldest_s=0.5).serving() as server, aiohttp.ClientSession() as session:
            context = client_context(PASSPORT)
            async with session.get(f"{server.url}/agents", ssl=context) as answer:
                assert "Connection" not in answer.headers
            socket = await session.ws_connect(f"{server.url}/stream", ssl=context)
            message = await socket.receive()
            assert (message.data, message.extra) == (
                WSCloseCode.SERVICE_RESTART,
                "come again: this connection is old",
            )
            async with session.get(f"{server.url}/agents", ssl=context) as answer:
                assert answer.status == 200

    run(main())


def test_a_request_on_an_old_connection_is_answered_and_is_its_last() -> None:
    async def main() -> None:
        old = Orchestrator(AUTHORITY, oldest_s=0.2)
        async with old.serving() as server, aiohttp.ClientSession() as session:
            context = client_context(PASSPORT)
            async with session.get(f"{server.url}/agents", ssl=context) as answer:
                assert "Connection" not in answer.headers
            await asyncio.sleep(0.3)
            async with session.get(f"{server.url}/agents", ssl=context) as answer:
                assert (answer.status, answer.headers["Connection"]) == (200, "close")

    run(main())


@pytest.mark.fault("X11")
def test_a_store_that_cannot_be_read_locks_nobody_out_and_lets_nobody_in_again() -> None:
    """However old what was read last is; there is no list that expires."""

    async def main() -> None:
        async with (
            Orchestrator(AUTHORITY, bound_s=BOUND_S).serving() as server,
            aiohttp.ClientSession() as session,
        ):
            other, url = AUTHORITY.passport(OTHER, now=moment()), f"{server.url}/agents"
            socket = await session.ws_connect(f"{server.url}/stream", ssl=client_context(PASSPORT))
            server.denied = Denied(members={OTHER: FOR_EVER})
            assert (await get(url, client_context(other)))[0] == 403
            server.denied = StateUnwritable("the store is away")
            assert (await get(url, client_context(PASSPORT)))[0] == 200
            assert (await get(url, client_context(other)))[0] == 403
            await asyncio.sleep(BOUND_S)
            assert server.troubles[0] == "the store is away"
            await socket.send_str("still here")
            assert (await socket.receive()).data == "heard still here"
            assert not server.cut
            server.denied = Denied(members={AGENT: FOR_EVER})
            assert (await socket.receive()).data == WSCloseCode.POLICY_VIOLATION

    run(main())


def test_a_store_that_does_not_answer_is_not_waited_for_and_before_its_first_answer_nobody_comes_in() -> None:
    async def main() -> None:
        server = Orchestrator(AUTHORITY, bound_s=0.2)

        async def hangs() -> Denied:
            await asyncio.sleep(60)
            return NOBODY

        server.connections._read_denied = hangs
        assert "is not known yet" in str(await server.connections.refusal(peer(moment())))
        assert "was not read in time" in server.troubles[0]
        await server.connections.look()
        server.connections._read_denied = server._denied
        assert await server.connections.refusal(peer(moment())) is None
        server.connections._read_denied = hangs
        assert await server.connections.refusal(peer(moment())) is None

    run(main())


def test_all_connections_can_be_ended_at_once() -> None:
    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server, aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{server.url}/stream", ssl=client_context(PASSPORT))
            ending = asyncio.create_task(server.connections.end_all("the server stops"))
            assert (await socket.receive()).extra == "the server stops"
            await ending
            assert not len(server.connections)

    run(main())


@pytest.mark.parametrize(("bound_s", "oldest_s"), [(0, 1), (LONGEST_BOUND_S + 1, 1), (1, 0)])
def test_nobody_is_cut_off_later_than_after_a_minute(bound_s: float, oldest_s: float) -> None:
    with pytest.raises(ValueError, match="at most 60 s"):
        Limits(bound_s=bound_s, oldest_s=oldest_s)
