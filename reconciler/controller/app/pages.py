"""The status page, put together from the settings: who may see it, by which names, with which certificate."""

from __future__ import annotations

import socket
import ssl
import time

from reconciler import __version__
from reconciler.config import Settings
from reconciler.controller.app.parts import Parts
from reconciler.controller.board import Board
from reconciler.controller.showing import Showing
from reconciler.executors.discretion import DeliveredSecrets
from reconciler.web.access import Access, Patience, is_loopback
from reconciler.web.assets import load_assets
from reconciler.web.layout import Layout
from reconciler.web.live import Live
from reconciler.web.opening import encryption, read_token, tell
from reconciler.web.pages import host_routes
from reconciler.web.site import Site


def make_site(settings: Settings, parts: Parts, board: Board, live: Live) -> Site:
    """The pages over what the controller knows. Raises InvalidSettings."""
    host, _ = settings.listen_address
    called = settings.target or socket.gethostname()
    access = Access(
        clock=time.time,
        here_only=is_loopback(host),
        token=read_token(settings.web_token_file),
        certificates=settings.web_client_ca is not None,
    )
    facts = Showing(
        board=board,
        catalogue=parts.assessor.catalogue,
        history=parts.history,
        clock=time.time,
        host=called,
        secrets=DeliveredSecrets(parts.deliveries, parts.history).words,
    )
    site = Site(
        routes=host_routes(facts),
        layout=Layout(load_assets(), called, __version__),
        access=access,
        patience=Patience(time.monotonic),
        live=live,
        names=frozenset({"localhost", socket.gethostname().lower(), host.lower(), *settings.web_names}),
        secure=settings.web_certificate is not None,
    )
    tell(site)
    return site


def encrypted(settings: Settings) -> ssl.SSLContext | None:
    """Our own TLS; None where it is not asked for. Raises InvalidSettings."""
    return encryption(settings.web_certificate, settings.web_key, settings.web_client_ca)
