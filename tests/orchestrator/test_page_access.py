"""Over real sockets: who gets to the fleet's page, and that it shows the fleet that is there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from structlog.testing import capture_logs

from reconciler.core.member import Member, Role
from reconciler.errors import InvalidSettings
from reconciler.orchestrator import program
from reconciler.orchestrator.pages.opening import CLOSED, PageSettings
from reconciler.orchestrator.store import agents
from reconciler.tls.certificates import as_pem
from reconciler.tls.connections import Limits
from reconciler.tls.passport import Passport
from reconciler.web.endpoints import SECURITY_HEADERS
from reconciler.web.site import POLICY
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, now, run
from tests.web.showroom import furnished, serving

VIEWER = Member(Role.VIEWER, "vic")
TOKEN = "0123456789abcdef0123456789abcdef"
Answer = tuple[int, str, Mapping[str, str]]


class Papers:
    """Of a server whose certificate browsers know."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        server = self.authority.issue_cert("127.0.0.1", "localhost")
        server.private_key_pem.write_to_path(str(folder / "key.pem"))
        server.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
        self.settings = PageSettings(certificate=folder / "certificate.pem", key=folder / "key.pem")

    def hide(self) -> None:
        """As when somebody replaces it just now."""
        assert self.settings.key is not None
        self.settings.key.rename(f"{self.settings.key}.away")

    def show(self) -> None:
        assert self.settings.key is not None
        Path(f"{self.settings.key}.away").rename(self.settings.key)

    def client(self, passport: Passport | None, folder: Path) -> ssl.SSLContext:
        """As a browser into which the certificate of a member was imported."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if passport is not None:
            file = folder / "client.pem"
            file.write_bytes(passport.key.reveal() + as_pem(passport.chain))
            context.load_cert_chain(file)
        return context


async def ask(world: Fleet, path: str = "/", context: ssl.SSLContext | None = None, **headers: str) -> Answer:
    async with (
        aiohttp.ClientSession() as http,
        http.get(world.server.monitor.url + path, ssl=context or True, headers=headers) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


def heard(world: Fleet, name: str) -> bool:
    with world.server.database.read() as on:
        return agents.find(on, name).last_seen is not None


def test_on_the_loopback_address_the_page_shows_the_fleet_that_is_there(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            here = Agent(world, await world.join("host-a"))
            polling = Agent(world, await world.join("host-b"))
            await polling.poll()
            async with here.streaming():
                await eventually(lambda: heard(world, "host-a"))
                status, html, headers = await ask(world)
            assert status == 200
            for text in ("host-a", "host-b", "WebSocket", "polling", "region=north", "2</strong>"):
                assert text in html, text
            assert headers["Content-Security-Policy"] == POLICY
            assert headers["X-Frame-Options"] == SECURITY_HEADERS["X-Frame-Options"]
            for path in ("/agents/host-a", "/documents", "/rollouts", "/tasks"):
                assert (await ask(world, path))[0] == 200, path
            assert (await ask(world, "/agents/nobody"))[0] == 404
            assert (await ask(world, Host="evil.example"))[0] == 421
            assert (await ask(world, "/metrics"))[0] == 200

    run(scene())


def test_elsewhere_without_a_guard_it_is_not_served(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path, monitor=("::", 0)) as world:
            url = world.server.monitor.url.replace("[::]", "[::1]")
            async with aiohttp.ClientSession() as http, http.get(url) as answer:
                assert (answer.status, await answer.text()) == (403, CLOSED)
            async with aiohttp.ClientSession() as http, http.get(f"{url}/agents/host-a") as answer:
                assert answer.status == 404

    run(scene())


def test_with_a_token_who_has_it_sees_the_page(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)

    async def scene() -> None:
        async with fleet(tmp_path, page=PageSettings(token_file=file)) as world:
            assert (await ask(world))[0] == 401
            status, html, _ = await ask(world, "/tasks?state=failed", Accept="text/html")
            assert status == 401
            assert 'value="/tasks?state=failed"' in html
            assert (await ask(world, Authorization=f"Bearer {TOKEN}"))[0] == 200

    run(scene())


def test_who_logged_in_to_the_page_of_the_host_beside_it_stays_so(tmp_path: Path) -> None:
    """Browsers send a cookie to all ports of a host."""
    file, other = tmp_path / "token", "abcdef0123456789abcdef0123456789"
    file.write_text(TOKEN)
    file.chmod(0o600)

    async def scene(host: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with (
            fleet(tmp_path, page=PageSettings(token_file=file)) as world,
            aiohttp.ClientSession(cookie_jar=jar) as browser,
        ):
            pages = {host: other, world.server.monitor.url: TOKEN}
            for url, token in pages.items():
                async with browser.post(f"{url}/login", data={"token": token}) as answer:
                    assert answer.status == 200
            for url in pages:
                async with browser.get(url) as answer:
                    assert answer.status == 200

    with serving(furnished(), token=other) as beside:
        run(scene(beside.url))


def test_over_tls_people_of_the_fleet_come_in_with_their_certificates_and_agents_do_not(tmp_path: Path) -> None:
    papers = Papers(tmp_path)

    async def scene() -> None:
        async with fleet(tmp_path, page=papers.settings) as world:
            viewer = papers.client(world.admin(VIEWER), tmp_path)
            assert world.server.monitor.url.startswith("https://")
            assert (await ask(world, context=viewer))[0] == 200
            assert (await ask(world, context=papers.client(world.admin(), tmp_path)))[0] == 200
            agent = papers.client(await world.join("host-a"), tmp_path)
            nobody = papers.client(None, tmp_path)
            for context in (agent, nobody):
                status, text, _ = await ask(world, context=context)
                assert (status, text) == (403, "A client certificate is needed to see this page.\n")
                assert (await ask(world, "/live", context=context))[0] == 403
                assert (await ask(world, "/metrics", context=context))[0] == 200
            with world.server.database.write() as on:
                agents.deny(on, VIEWER, before=now() + timedelta(seconds=1))
            assert (await ask(world, context=viewer))[0] == 403

    run(scene())


def test_after_a_rotation_the_new_root_counts_and_the_old_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "ROOTS_LOOK_S", 0.05)
    papers = Papers(tmp_path)

    async def lets_in(world: Fleet, passport: Passport) -> bool:
        try:
            return (await ask(world, context=papers.client(passport, tmp_path)))[0] == 200
        except (aiohttp.ClientError, ssl.SSLError):
            return False

    async def comes_to(world: Fleet, passport: Passport, so: bool) -> None:
        async with asyncio.timeout(10):
            while await lets_in(world, passport) != so:  # noqa: ASYNC110  (another process would do so too)
                await asyncio.sleep(0.05)

    async def scene() -> None:
        async with fleet(tmp_path, page=papers.settings) as world:
            authority, old = world.server.home.authority, world.admin(VIEWER)
            assert await lets_in(world, old)
            authority.introduce(now=now())
            authority.switch(now=now(), life=timedelta(0))
            new = world.admin(VIEWER)
            await comes_to(world, new, so=True)
            assert await lets_in(world, old)
            papers.hide()
            authority.retire(now=now(), life=timedelta(0))
            with capture_logs() as told:
                await eventually(lambda: any("former roots" in item["event"] for item in told))
                await asyncio.sleep(0.2)
            assert len(told) == 1
            papers.show()
            await comes_to(world, old, so=False)
            assert await lets_in(world, new)

    run(scene())


def test_who_watches_is_cut_off_when_revoked(tmp_path: Path) -> None:
    papers = Papers(tmp_path)

    async def scene() -> None:
        async with fleet(tmp_path, page=papers.settings, bound_s=3.0) as world:
            viewer = papers.client(world.admin(VIEWER), tmp_path)
            url = f"{world.server.monitor.url}/live"
            async with aiohttp.ClientSession() as http, http.get(url, ssl=viewer) as watching:
                assert (await watching.content.readline()).startswith(b"retry")
                with world.server.database.write() as on:
                    agents.deny(on, VIEWER, before=now() + timedelta(seconds=1))
                with pytest.raises(aiohttp.ClientError):
                    await asyncio.wait_for(watching.content.read(), 15)

    run(scene())


def test_an_old_connection_ends_so_that_the_next_one_sees_the_roots_of_today(tmp_path: Path) -> None:
    papers = Papers(tmp_path)

    async def scene() -> None:
        async with fleet(tmp_path, page=papers.settings) as world:
            world.server.connections.limits = Limits(oldest_s=0.01)
            viewer, ends = papers.client(world.admin(VIEWER), tmp_path), []
            async with aiohttp.ClientSession() as http:
                for _ in range(3):
                    async with http.get(world.server.monitor.url, ssl=viewer) as answer:
                        assert answer.status == 200
                        ends.append(answer.headers.get("Connection") == "close")
                    await asyncio.sleep(0.02)
            assert ends == [False, True, False]

    run(scene())


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path, page=PageSettings(certificate=tmp_path / "certificate.pem")):
            pass

    with pytest.raises(InvalidSettings, match="belong together"):
        run(scene())
