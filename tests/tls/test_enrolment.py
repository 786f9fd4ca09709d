"""A new agent's way in, on real sockets: from the fingerprint in its token to a passport that has worked."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from reconciler.core.secret import Secret
from reconciler.errors import AccessRefused, TemporaryError
from reconciler.tls.authority import Authority
from reconciler.tls.certificates import ROOT_LIFE, Subject, as_pem, fingerprint, key_digest, make_leaf, new_key
from reconciler.tls.contexts import ServerContext, client_context, enrolment_context
from reconciler.tls.join_token import Invitation, JoinToken, invitation, make_token, read_token, refusal
from reconciler.tls.passport_folder import PassportFolder
from reconciler.tls.pinning import LIMIT, fetch_roots, pinned_root, time_of
from reconciler.tls.requests import requested_key
from tests.tls.fleet import AGENT, HOUR, NAMES, SERVER, Orchestrator, get, listening, moment, new_authority, run

AUTHORITY = new_authority()


class Desk:
    """Where agents enroll: the one listener that asks for no certificate."""

    def __init__(self, authority: Authority, bundle: bytes | None = None) -> None:
        self.authority = authority
        self.bundle = authority.bundle if bundle is None else bundle
        self.invitations: dict[str, Invitation] = {}
        self.heard: list[bytes] = []
        self.lose_answer = False

    def invite(self, *, life: timedelta = HOUR) -> JoinToken:
        token = make_token(AGENT.name, self.authority.fingerprint, Secret(bytes(32)), expires=moment() + life)
        self.invitations[token.digest] = invitation(token)
        return token

    async def _roots(self, _: web.Request) -> web.Response:
        return web.Response(body=self.bundle)

    async def _enroll(self, request: web.Request) -> web.Response:
        self.heard.append(await request.read())
        token = read_token(Secret(request.headers["Authorization"].encode()))
        key, kept = key_digest(requested_key(self.heard[-1])), self.invitations.get(token.digest)
        roots = [self.authority.fingerprint]
        if why := refusal(token, kept, key=key, roots=roots, now=moment()):
            return web.json_response({"why": why}, status=403)
        assert kept is not None
        self.invitations[token.digest] = replace(kept, used_by=key)
        issued = self.authority.sign(self.heard[-1], AGENT, now=moment())
        if self.lose_answer:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"chain": issued.chain.decode(), "roots": issued.roots.decode()})

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/roots", self._roots)
        app.router.add_post("/enroll", self._enroll)
        return app

    def context(self) -> ssl.SSLContext:
        return ServerContext(self.authority.passport(SERVER, names=NAMES, now=moment()), clients=False).context


async def enroll(url: str, token: JoinToken, folder: PassportFolder) -> str:
    """As an agent does; "" or why it was refused."""
    bundle, _ = await fetch_roots(f"{url}/roots")
    context = enrolment_context(pinned_root(bundle, token.root, now=moment()))
    headers = {"Authorization": token.text().text()}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/enroll", data=folder.request(), headers=headers, ssl=context) as answer,
    ):
        said = await answer.json()
        if answer.status == 200:
            folder.receive(said["chain"].encode(), said["roots"].encode())
        return str(said.get("why", ""))


@pytest.fixture
def folder(tmp_path: Path) -> PassportFolder:
    return PassportFolder(tmp_path / "agent", AGENT)


def test_an_agent_enrolls_and_connects_with_what_it_got(folder: PassportFolder) -> None:
    desk = Desk(AUTHORITY)

    async def main() -> None:
        async with listening(desk.app(), desk.context()) as url:
            assert await enroll(url, desk.invite(), folder) == ""
        assert b"PRIVATE" not in b"".join(desk.heard)
        (passport,) = folder.read().to_try
        async with Orchestrator(AUTHORITY).serving() as server:
            assert (await get(f"{server.url}/agents", client_context(passport)))[0] == 200
        folder.proven(passport)
        assert folder.read().proven == passport

    run(main())


@pytest.mark.fault("X7")
def test_a_token_is_for_one_key_and_for_its_time(folder: PassportFolder, tmp_path: Path) -> None:
    """An answer that was lost is given again; a second agent, an expired token and one withdrawn get none."""
    desk = Desk(AUTHORITY)

    async def main() -> None:
        async with listening(desk.app(), desk.context()) as url:
            token, second = desk.invite(), PassportFolder(tmp_path / "second", AGENT)
            desk.lose_answer = True
            with pytest.raises(aiohttp.ClientError):
                await enroll(url, token, folder)
            desk.lose_answer = False
            assert await enroll(url, token, folder) == ""
            assert await enroll(url, token, second) == "the token was used before, for another key"
            assert "expired at" in await enroll(url, desk.invite(life=-HOUR), second)
            desk.invitations.clear()
            assert "was withdrawn" in await enroll(url, token, second)
            assert second.read().to_try == ()

    run(main())


@pytest.mark.fault("X7")
def test_nothing_secret_is_sent_to_who_is_not_of_the_tokens_authority(folder: PassportFolder) -> None:
    """Somebody in between with an authority of his own: he hands out his root, the true one, or both."""
    true, false = AUTHORITY.bundle, new_authority()

    async def main() -> None:
        for bundle in (false.bundle, b"no certificate", b""):
            between = Desk(false, bundle)
            async with listening(between.app(), between.context()) as url:
                with pytest.raises(AccessRefused, match="no root has its fingerprint"):
                    await enroll(url, Desk(AUTHORITY).invite(), folder)
        for bundle in (true, true + false.bundle, false.bundle + true):
            between = Desk(false, bundle)
            async with listening(between.app(), between.context()) as url:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await enroll(url, Desk(AUTHORITY).invite(), folder)
            assert between.heard == []

    run(main())


def test_what_cannot_be_fetched_is_told(folder: PassportFolder) -> None:
    app = web.Application()

    async def huge(_: web.Request) -> web.Response:
        return web.Response(body=AUTHORITY.bundle + b"x" * 2 * LIMIT)

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("/huge")

    app.router.add_get("/huge", huge)
    app.router.add_get("/elsewhere", elsewhere)

    async def main() -> None:
        async with listening(app, Desk(AUTHORITY).context()) as url:
            content, told = await fetch_roots(f"{url}/huge")
            assert len(content) <= LIMIT + 1
            assert told is not None
            assert abs(told - moment()) < HOUR
            for path in ("elsewhere", "none"):
                with pytest.raises(TemporaryError, match=f"from {url}/{path}: status"):
                    await fetch_roots(f"{url}/{path}")
        with pytest.raises(TemporaryError, match="could not fetch the authority's roots"):
            await fetch_roots(url)

    run(main())


def test_a_fingerprint_counts_for_a_root_in_its_time() -> None:
    now, wanted = moment(), AUTHORITY.fingerprint
    assert pinned_root(AUTHORITY.bundle, wanted, now=now) == AUTHORITY.root
    issuing = AUTHORITY.issuing.certificate
    with pytest.raises(AccessRefused, match="is not that of a root"):
        pinned_root(as_pem([issuing]), fingerprint(issuing), now=now)
    leaf = make_leaf(AUTHORITY.issuing, Subject(member=AGENT, key=new_key().public_key()), now=now, life=HOUR)
    with pytest.raises(AccessRefused, match="is not that of a root"):
        pinned_root(as_pem([leaf]), fingerprint(leaf), now=now)
    for then in (now - 2 * HOUR, now + ROOT_LIFE):
        with pytest.raises(AccessRefused, match="host's clock says"):
            pinned_root(AUTHORITY.bundle, wanted, now=then)


def test_the_servers_time_is_read_where_it_gives_one() -> None:
    told = time_of("Sun, 29 Nov 2026 19:00:00 GMT")
    assert told is not None
    assert told.isoformat() == "2026-11-29T19:00:00+00:00"
    assert time_of("") is None
    assert time_of("tomorrow") is None
    assert time_of("Sun, 29 Nov 2026 19:00:00 -0000") is None
