"""Opening the fleet's page: who may see it, with which certificate it is served, how it is kept up to date.

The rules are those of a host's page. Where it is served with TLS, people of the fleet come in with their own
certificates: viewers and admins, as long as they are not revoked; agents do not. Their connections are watched as
all of members are: who is revoked is cut off, and one that is old ends, since it was made with the roots of then.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from reconciler import __version__
from reconciler.core.member import Role
from reconciler.errors import AccessRefused, ReconcilerError
from reconciler.orchestrator.pages.facts import FleetFacts
from reconciler.orchestrator.pages.parts import SECTIONS
from reconciler.orchestrator.pages.reading import Reading
from reconciler.orchestrator.pages.routes import FleetPages
from reconciler.tls.certificates import Certificate
from reconciler.tls.connections import Connections
from reconciler.tls.contexts import ask_members
from reconciler.tls.peer import peer_of
from reconciler.web.access import Access, Patience, is_loopback
from reconciler.web.assets import load_assets
from reconciler.web.encryption import FileContext, server_context
from reconciler.web.layout import Layout
from reconciler.web.live import Live
from reconciler.web.opening import encryption, read_token, tell
from reconciler.web.site import Site

PEOPLE: Final = frozenset({Role.ADMIN, Role.VIEWER})
PAUSE_S: Final = 5.0
"""Between two changes that a browser is told of: in a large fleet something changes all the time."""

LOOK_S: Final = 5.0
ANYHOW_S: Final = 30.0
"""After so long a page is made anew although only time has passed: it tells how long ago things were."""

OLD: Final = web.RequestKey("old", bool)
"""Whether the connection of a request should end after it."""

CLOSED: Final = (
    "The status page is not served: this is not the loopback address, and neither a token (web-token-file) nor "
    "certificates of the fleet's people (web-certificate) are asked for.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """``names``: more names of this host in addresses; ``certificate`` and ``key`` belong together."""

    token_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()


class PageContext(FileContext):
    """TLS with a certificate of the operator's own, and clients of the fleet's roots."""

    def __init__(self, certificate: Path, key: Path, roots: tuple[Certificate, ...]) -> None:
        """Raises InvalidSettings."""
        self._certificate, self._key, self._roots = certificate, key, roots
        super().__init__(self._made, certificate, key)

    def trust(self, roots: tuple[Certificate, ...]) -> None:
        """From the next connection on. Raises InvalidSettings: from then on where the files can be used again."""
        self._roots = roots
        self.change(self._made())

    def _made(self) -> ssl.SSLContext:
        context = server_context(self._certificate, self._key, None)
        ask_members(context, self._roots)
        return context


def page_context(settings: PageSettings, roots: tuple[Certificate, ...]) -> PageContext | None:
    """None where it is served without TLS. Raises InvalidSettings."""
    if settings.certificate is None or settings.key is None:
        encryption(settings.certificate, settings.key)
        return None
    return PageContext(settings.certificate, settings.key, roots)


def make_site(
    settings: PageSettings, address: str, reached: tuple[str, ...], reading: Reading, connections: Connections
) -> Site:
    """To be made inside the event loop. ``reached``: the orchestrator's own names. Raises InvalidSettings."""
    secure = settings.certificate is not None
    known = ("localhost", socket.gethostname(), address, *reached, *settings.names)

    async def certified(request: web.Request) -> bool:
        try:
            peer = peer_of(request)
        except AccessRefused:
            return False
        if peer.member.role not in PEOPLE or await connections.refusal(peer) or request.transport is None:
            return False
        request[OLD] = not connections.know(request.transport, peer)
        return True

    site = Site(
        routes=FleetPages(reading).routes,
        layout=Layout(load_assets(), reached[0], __version__, sections=SECTIONS, first="All agents"),
        access=Access(
            clock=time.time,
            here_only=is_loopback(address),
            token=read_token(settings.token_file),
            certificates=secure,
        ),
        patience=Patience(time.monotonic),
        live=Live(pause_s=PAUSE_S),
        names=frozenset(item.lower() for item in known),
        secure=secure,
        certified=certified,
        closed=CLOSED,
        cookie="reconciler-fleet",
    )
    tell(site)
    return site


async def end_old(request: web.Request, response: web.StreamResponse) -> None:
    """A signal of the application: have the connection end after the answer, where it is old."""
    if request.get(OLD):
        response.force_close()
        response.headers["Connection"] = "close"


async def keep_live(live: Live, reading: Reading, *, look_s: float = LOOK_S, anyhow_s: float = ANYHOW_S) -> None:
    """For ever: tell who watches of changes. While nobody does, nothing is looked at."""
    clock, told = asyncio.get_running_loop().time, 0.0
    before: FleetFacts | None = None
    while True:
        await asyncio.sleep(look_s)
        if not live.watching:
            before = None
            continue
        now: FleetFacts | None = None
        with suppress(ReconcilerError):  # the page tells what is wrong
            now = await asyncio.to_thread(reading.fleet)
        if now is None or now != before or clock() - told >= anyhow_s:
            told = clock()
            await asyncio.to_thread(reading.renew)
            live.announce()
        before = now
