"""Site: the addresses of a status page, who gets to them, and how a page is made without stopping the loop.

Reading only: no method but GET and HEAD, but for the login. What is on a page is decided by its route; who may see
it by ``access``.

Invariants: pages are made in threads of their own (``making``); every page forbids the browser to run or load
anything but our own files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from aiohttp import web

from reconciler.errors import StateError
from reconciler.web.access import BADGE_S, Access, Patience, Shown, known_host
from reconciler.web.layout import Layout
from reconciler.web.live import Live
from reconciler.web.login import ADDRESS as LOGIN
from reconciler.web.login import from_our_page, login_page, own_page, read_form
from reconciler.web.making import Making
from reconciler.web.routes import Answer, Asked, Make, Routes

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
NOT_HERE: Final = (
    "The status page is not served: this is not the loopback address, and neither a token (web-token-file) nor "
    "client certificates (web-client-ca) are asked for.\n"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Certified = Callable[[web.Request], Awaitable[bool]]
log = structlog.get_logger("reconciler")


async def any_certificate(request: web.Request) -> bool:
    """Whether TLS has checked one."""
    transport = request.transport
    return bool(transport and transport.get_extra_info("peercert"))


@dataclass(slots=True, kw_only=True)
class Site:
    """``names`` are what this host is called in addresses; ``secure``: we speak TLS ourselves.
    ``certified``: whether the certificate of a connection lets see the pages; ``closed`` says why nobody may;
    ``cookie``: its name, another one for each page that a host may serve: browsers do not tell ports apart.
    """

    routes: Routes
    layout: Layout
    access: Access
    patience: Patience
    live: Live
    names: frozenset[str]
    secure: bool = False
    certified: Certified = any_certificate
    closed: str = NOT_HERE
    cookie: str = "reconciler"
    making: Making = field(default_factory=Making)

    def add_to(self, app: web.Application) -> None:
        """Serve it; where nobody may see it, say why."""
        if not self.access.possible:
            app.router.add_get("/", self._not_here)
            return

        async def end_making(_app: web.Application) -> AsyncIterator[None]:
            yield
            self.making.end()

        for pattern, make in self.routes.items():
            app.router.add_get(pattern, self._admitting(self._page(make)))
        app.router.add_get("/live", self._admitting(self.live.stream), allow_head=False)
        app.router.add_get(LOGIN, self._known(self._ask))
        app.router.add_post(LOGIN, self._known(self._login))
        for asset in self.layout.assets.values():
            app.router.add_get(asset.address, _kept(asset.content, asset.content_type))
        app.on_shutdown.append(self.live.ending)
        app.cleanup_ctx.append(end_making)

    def _page(self, make: Make) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            asked = Asked(request.match_info, request.query)
            layout = replace(self.layout, number=self.live.number)
            return await self._made((str(request.rel_url), layout.number), lambda: make(layout, asked))

        return handler

    async def _made(self, key: Hashable, make: Callable[[], Answer]) -> web.Response:
        try:
            status, text = await self.making.made(key, make)
        except TimeoutError:
            return self._unmade("Too busy", "This page could not be made in time; it tries again by itself.")
        except StateError as error:
            return self._unmade("What is known cannot be read", str(error))
        response = self._html(text, status=status)
        response.enable_compression()
        return response

    def _unmade(self, title: str, text: str) -> web.Response:
        """A page that may well be made in a while."""
        return self._html(self.layout.notice(title, text), status=503, headers={"Retry-After": "5"})

    def _known(self, handler: Handler) -> Handler:
        """Answer only who came by a name that is ours."""

        async def known(request: web.Request) -> web.StreamResponse:
            if known_host(request.headers.get("Host", ""), self.names):
                return await handler(request)
            text = "This host is not known by that name: see the setting web-names.\n"
            return web.Response(status=421, text=text)

        return known

    def _admitting(self, handler: Handler) -> Handler:
        """Answer only who may see it."""

        async def admitting(request: web.Request) -> web.StreamResponse:
            shown = await self._shown(request)
            wait_s = self.patience.wait_s(_address(request)) if shown.authorization else 0.0
            if wait_s:
                return _later(wait_s)
            if self.access.admits(shown):
                return await handler(request)
            if shown.authorization:
                self._wrong(request)
            return self._refused(request)

        return self._known(admitting)

    async def _shown(self, request: web.Request) -> Shown:
        return Shown(
            authorization=request.headers.get("Authorization", ""),
            cookie=request.cookies.get(self._cookie, ""),
            certificate=self.access.certificates and await self.certified(request),
        )

    def _refused(self, request: web.Request) -> web.Response:
        if self.access.token is None:
            return web.Response(status=403, text="A client certificate is needed to see this page.\n")
        headers = {"WWW-Authenticate": 'Bearer realm="reconciler"'}
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(status=401, text="The token is needed to see this page.\n", headers=headers)
        return self._html(login_page(self.layout, to=request.path_qs), status=401, headers=headers)

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        if self.access.token is None or self.access.admits(await self._shown(request)):
            return web.Response(status=303, headers={"Location": "/"})
        return self._html(login_page(self.layout, to="/"))

    async def _not_here(self, _request: web.Request) -> web.Response:
        return web.Response(status=403, text=self.closed)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        wait_s = self.patience.wait_s(_address(request))
        if wait_s:
            return _later(wait_s)
        form = await read_form(request)
        wait_s = self.patience.wait_s(_address(request))
        if wait_s:  # others of the same address were judged while this one was read
            return _later(wait_s)
        if not from_our_page(request) or not self.access.right(form.get("token", "")):
            self._wrong(request)
            said = "That is not the token."
            return self._html(login_page(self.layout, to=form.get("to", "/"), said=said), status=403)
        response = web.Response(status=303, headers={"Location": own_page(form.get("to", "/"))})
        response.set_cookie(
            self._cookie,
            self.access.new_badge(),
            max_age=BADGE_S,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="Strict",
        )
        return response

    def _wrong(self, request: web.Request) -> None:
        self.patience.wrong(_address(request))
        log.warning("a wrong token for the status page", address=_address(request))

    @property
    def _cookie(self) -> str:
        """With a name that browsers take from nobody but a host that speaks TLS, where we do."""
        return f"__Host-{self.cookie}" if self.secure else self.cookie

    @staticmethod
    def _html(text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        # With "no-referrer", browsers would not tell where a form comes from.
        own = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin", **(headers or {})}
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=own)


def _address(request: web.Request) -> str:
    return request.remote or ""


def _later(wait_s: float) -> web.Response:
    return web.Response(
        status=429,
        text="Too many wrong tokens: wait a moment, then try again.\n",
        headers={"Retry-After": str(int(wait_s) + 1)},
    )


def _kept(content: bytes, content_type: str) -> Handler:
    """A file that never changes under its address."""
    headers = {"Content-Type": content_type, "Cache-Control": "public, max-age=31536000, immutable"}

    async def kept(_request: web.Request) -> web.Response:
        return web.Response(body=content, headers=headers)

    return kept
