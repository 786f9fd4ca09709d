"""Who gets through TLS, on real sockets: members of this authority, and the server that is wanted."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import aiohttp
import pytest
import trustme
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from reconciler.core.member import Member, Role
from reconciler.errors import AccessRefused
from reconciler.tls.certificates import Signer, Subject, key_as_pem, make_leaf, new_key
from reconciler.tls.contexts import ServerContext, client_context, unverified_context
from reconciler.tls.passport import Passport
from reconciler.tls.peer import peer_of, read_peer
from tests.tls.fleet import (
    ADMIN,
    AGENT,
    HOUR,
    NAMES,
    SERVER,
    Orchestrator,
    get,
    listening,
    moment,
    new_authority,
    refused,
    run,
)

AUTHORITY = new_authority()
OLD = moment() - timedelta(days=3)
OLD_AUTHORITY = new_authority(OLD)


def agent() -> Passport:
    return AUTHORITY.passport(AGENT, now=moment())


@pytest.mark.fault("X1")
def test_a_member_is_let_in_and_known_by_its_certificate() -> None:
    passport = agent()

    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            assert await get(f"{server.url}/agents", client_context(passport)) == (200, "hello agent host-a")
            (peer,) = server.peers
            assert (peer.member, peer.serial) == (AGENT, passport.certificate.serial_number)
            assert (peer.begins, peer.ends) == (passport.begins, passport.certificate.not_valid_after_utc)

    run(main())


def of_another_authority(trusting: Passport) -> ssl.SSLContext:
    """A client that trusts our server, with a certificate by trustme that says it is a member."""
    context = unverified_context()
    trustme.CA().issue_cert(f"{AGENT.role.value}@{AGENT.name}.test").configure_cert(context)
    return context


def with_nothing(_: Passport) -> ssl.SSLContext:
    return unverified_context()


def of_a_twin(_: Passport) -> ssl.SSLContext:
    """Of an authority like ours that is not ours."""
    return lying(new_authority().passport(AGENT, now=moment()))


def lying(passport: Passport) -> ssl.SSLContext:
    return client_context(replace(passport, roots=AUTHORITY.roots))


def expired(_: Passport) -> ssl.SSLContext:
    """Of the right authority: its issuing certificate signs one that ended an hour ago."""
    return lying(AUTHORITY.passport(AGENT, now=moment() - HOUR / 2, life=-HOUR / 4))


def not_yet_valid(_: Passport) -> ssl.SSLContext:
    return lying(AUTHORITY.passport(AGENT, now=moment() + 3 * HOUR))


def of_a_server(_: Passport) -> ssl.SSLContext:
    return lying(AUTHORITY.passport(SERVER, names=NAMES, now=moment()))


def of_an_agent_that_signs(passport: Passport) -> ssl.SSLContext:
    """An agent made itself an issuer: the certificate is by its own key."""
    own = Signer(passport.certificate, new_key())
    key = new_key()
    leaf = make_leaf(own, Subject(member=ADMIN, key=key.public_key()), now=moment(), life=HOUR)
    return client_context(Passport(key_as_pem(key), (leaf, *passport.chain), AUTHORITY.roots))


STRANGERS = [
    with_nothing,
    of_another_authority,
    of_a_twin,
    expired,
    not_yet_valid,
    of_a_server,
    of_an_agent_that_signs,
]


@pytest.mark.fault("X1")
def test_nobody_else_gets_through_the_handshake() -> None:
    """None; one by trustme, by an authority like ours, by an agent; expired; of the future; a server's."""

    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            for stranger in STRANGERS:
                assert await refused(f"{server.url}/agents", stranger(agent())), stranger.__name__
            assert not server.peers
            assert not server.refused

    run(main())


@pytest.mark.fault("X1")
def test_a_member_in_another_role_is_told_that_it_is_not_for_it() -> None:
    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            for path in ("/admins", "/nobody"):
                status, said = await get(server.url + path, client_context(agent()))
                assert (status, said) == (403, "this is not for agent host-a")
            assert (await get(f"{server.url}/none-such", client_context(agent())))[0] == 404
            admin = client_context(AUTHORITY.passport(ADMIN, now=moment()))
            assert await get(f"{server.url}/admins", admin) == (200, "hello admin ada")
            assert len(server.refused) == 2

    run(main())


def test_an_endpoint_refuses_what_is_not_the_peers_affair() -> None:
    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            context = client_context(agent())
            assert (await get(f"{server.url}/agents/host-a", context))[0] == 200
            told = (403, "agent host-a speaks for itself alone")
            assert await get(f"{server.url}/agents/host-b", context) == told
            assert server.refused == [told[1]]

    run(main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nothing_older_than_tls_1_3_is_spoken(version: ssl.TLSVersion) -> None:
    context = client_context(agent())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = version

    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            assert await refused(f"{server.url}/agents", context) is (version is ssl.TLSVersion.TLSv1_2)

    run(main())


def test_a_client_sends_nothing_to_a_server_that_is_not_the_one_it_wants() -> None:
    """Another authority's, an agent that listens, another name, another address: told apart in the handshake."""
    heard: list[str] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response()

    async def reach(context: ssl.SSLContext, client: ssl.SSLContext) -> str:
        app = web.Application()
        app.router.add_get("/", listen)
        async with listening(app, context) as url:
            try:
                await get(url, client)
            except aiohttp.ClientError as error:
                return str(error)
        return ""

    def server(member: Member = SERVER, *names: str) -> ssl.SSLContext:
        return ServerContext(AUTHORITY.passport(member, names=names or NAMES, now=moment())).context

    other = ServerContext(new_authority().passport(SERVER, names=NAMES, now=moment()), clients=False).context
    listens, nameless = raw_server(agent()), raw_server(without_a_member())

    async def main() -> None:
        by_address, by_name = client_context(agent()), client_context(agent(), server=SERVER)
        assert "unable to get local issuer" in await reach(other, by_address)
        assert "unsuitable certificate purpose" in await reach(listens, by_address)
        assert "the certificate has 0 URIs" in await reach(nameless, by_address)
        assert "IP address mismatch" in await reach(server(SERVER, "elsewhere.test", "192.0.2.1"), by_address)
        assert "reached server spare, and wanted server main" in await reach(
            server(Member(Role.SERVER, "spare")), by_name
        )
        assert heard == []
        assert await reach(server(), by_address) == ""
        assert await reach(server(SERVER, "elsewhere.test"), by_name) == ""
        assert heard == ["/", "/"]

    run(main())


def raw_server(passport: Passport) -> ssl.SSLContext:
    """Listens with a certificate that our contexts refuse to listen with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(passport.content().reveal())
        file.flush()
        context.load_cert_chain(file.name)
    return context


def without_a_member() -> Passport:
    """By our authority, for a server's address and no member."""
    issuer, key = AUTHORITY.issuing, new_key()
    made = (
        x509.CertificateBuilder(issuer.certificate.subject, x509.Name([]), key.public_key(), 7)
        .not_valid_before(moment() - HOUR)
        .not_valid_after(moment() + HOUR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    return Passport(key_as_pem(key), (made, issuer.certificate), AUTHORITY.roots)


def test_only_a_server_listens() -> None:
    with pytest.raises(ValueError, match="of agent host-a is not a server's"):
        ServerContext(agent())


Session = ssl.SSLSession | None


def saved_session(port: int, context: ssl.SSLContext, session: Session) -> tuple[Session, bool, str]:
    """A session that a connection would let a client take up again, whether this one did so, and what came."""
    request = f"GET /agents HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    with ExitStack() as stack:
        raw = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        tls = stack.enter_context(context.wrap_socket(raw, server_hostname="127.0.0.1", session=session))
        tls.sendall(request)
        said = b""
        while more := tls.recv(4096):
            said += more
        return tls.session, bool(tls.session_reused), said.decode()


@pytest.mark.fault("X3")
def test_no_session_can_be_taken_up_again_after_a_revocation() -> None:
    """A server like Python makes them lets a saved session in. Ours gives none, and refuses one of elsewhere."""
    passport = agent()

    async def twice(server: ssl.SSLContext) -> tuple[bool, bool, str]:
        async def tell(request: web.Request) -> web.Response:
            return web.Response(text=f"{peer_of(request).serial}")

        app = web.Application()
        app.router.add_get("/agents", tell)
        async with listening(app, server) as url:
            port = int(url.rpartition(":")[2])
            context = client_context(passport)
            first, _, _ = await asyncio.to_thread(saved_session, port, context, None)
            saved = first if first is not None and first.has_ticket else None
            _, reused, said = await asyncio.to_thread(saved_session, port, context, saved)
            return saved is not None, reused, said

    async def main() -> None:
        ours = ServerContext(AUTHORITY.passport(SERVER, names=NAMES, now=moment()))
        careless = ServerContext(AUTHORITY.passport(SERVER, names=NAMES, now=moment())).context
        careless.num_tickets = 2
        careless.options &= ~ssl.OP_NO_TICKET
        assert (await twice(careless))[:2] == (True, True)
        ticket, reused, said = await twice(ours.context)
        assert (ticket, reused) == (False, False)
        assert re.search(rf"\b{passport.certificate.serial_number}$", said)

    run(main())


@pytest.mark.fault("X9")
def test_a_server_changes_certificate_and_roots_while_it_listens() -> None:
    """New connections see the new ones; a member of the old authority gets in no more once its root is gone."""
    new = new_authority()
    before, after = agent(), new.passport(AGENT, now=moment())
    both = (*AUTHORITY.roots, *new.roots)

    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            url, old_way = f"{server.url}/agents", client_context(replace(before, roots=both))
            new_way = client_context(replace(after, roots=both))
            assert (await get(url, old_way))[0] == 200
            assert await refused(url, new_way)
            shown = new.passport(SERVER, names=NAMES, now=moment())
            server.context.use(replace(shown, roots=both))
            assert [(await get(url, way))[0] for way in (old_way, new_way)] == [200, 200]
            assert await refused(url, client_context(before)), "it does not know the new root"
            server.context.use(shown)
            assert (await get(url, new_way))[0] == 200
            assert await refused(url, old_way)

    run(main())


def test_who_shows_no_certificate_is_nobody() -> None:
    class Plain:
        def get_extra_info(self, name: str, default: object = None) -> object:
            return default

    with pytest.raises(AccessRefused, match="no certificate was shown"):
        peer_of(Plain())


GOOD = {
    "subjectAltName": (("URI", "stella://agent/host-a"),),
    "serialNumber": "0A",
    "issuer": ((("commonName", "the authority"),),),
    "notBefore": "Nov 29 17:00:00 2026 GMT",
    "notAfter": "Nov 30 18:00:00 2026 GMT",
}
ODD = {
    "no URI": {"subjectAltName": (("DNS", "host-a"),)},
    "two": {"subjectAltName": (("URI", "stella://agent/host-a"), ("URI", "stella://admin/ada"))},
    "another scheme": {"subjectAltName": (("URI", "spiffe://agent/host-a"),)},
    "no serial": {"serialNumber": "x"},
    "no end": {"notAfter": "tomorrow"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_certificate_that_names_not_exactly_one_member_is_nobodys(odd: dict[str, object]) -> None:
    assert read_peer(GOOD).serial == 10
    with pytest.raises(AccessRefused, match="does not count here"):
        read_peer({**GOOD, **odd})
