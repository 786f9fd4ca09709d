"""The status page, put together from the settings: who may see it, by which names, with which certificate."""

from __future__ import annotations

import os
import socket
import ssl
import time

import structlog

from reconciler import __version__
from reconciler.config import Settings
from reconciler.controller.app.parts import Parts
from reconciler.controller.board import Board
from reconciler.controller.showing import Showing
from reconciler.core.secret import Secret
from reconciler.errors import InvalidSettings
from reconciler.executors.discretion import DeliveredSecrets
from reconciler.host_file import ANYTHING, Untrusted, read_trusted
from reconciler.web.access import SHORTEST_TOKEN, Access, Patience, is_loopback
from reconciler.web.assets import load_assets
from reconciler.web.encryption import server_context
from reconciler.web.layout import Layout
from reconciler.web.live import Live
from reconciler.web.site import Site

LONGEST_TOKEN = 1024

log = structlog.get_logger("reconciler")


def make_site(settings: Settings, parts: Parts, board: Board, live: Live) -> Site:
    """The pages over what the controller knows. Raises InvalidSettings."""
    host, _ = settings.listen_address
    called = settings.target or socket.gethostname()
    access = Access(
        clock=time.time,
        here_only=is_loopback(host),
        token=read_token(settings),
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
        facts=facts,
        layout=Layout(load_assets(), called, __version__),
        access=access,
        patience=Patience(time.monotonic),
        live=live,
        names=frozenset({"localhost", socket.gethostname().lower(), host.lower(), *settings.web_names}),
        secure=settings.web_certificate is not None,
    )
    _tell(site)
    return site


def encryption(settings: Settings) -> ssl.SSLContext | None:
    """Our own TLS; None where it is not asked for. Raises InvalidSettings."""
    certificate, key, client_ca = settings.web_certificate, settings.web_key, settings.web_client_ca
    if certificate is not None and key is not None:
        return server_context(certificate, key, client_ca)
    if certificate is not None or key is not None:
        raise InvalidSettings(
            "web-certificate and web-key belong together, and only one of them is set",
            hint="set the other one too",
        )
    if client_ca is not None:
        raise InvalidSettings(
            "web-client-ca is set, but nothing can be asked of clients without TLS",
            hint="set web-certificate and web-key too",
        )
    return None


def read_token(settings: Settings) -> Secret | None:
    """The token in its file; None where none is asked for. Raises InvalidSettings."""
    path = settings.web_token_file
    if path is None:
        return None
    make = f"make one with: (umask 077; openssl rand -hex 32 > {path})"
    try:
        content = read_trusted(path, forbidden=ANYTHING, limit=LONGEST_TOKEN, uid=os.getuid()).strip()
    except FileNotFoundError as error:
        raise InvalidSettings(f"the token's file {path} is not there", hint=make) from error
    except Untrusted as error:
        raise InvalidSettings(f"the token's file {error}", hint=f"chmod 600 {path}; {make}") from error
    if (
        len(content) < SHORTEST_TOKEN
        or not content.isascii()
        or b" " in content
        or not content.decode().isprintable()
    ):
        raise InvalidSettings(
            f"the token in {path} is none: one line of at least {SHORTEST_TOKEN} letters and digits", hint=make
        )
    return Secret(content)


def _tell(site: Site) -> None:
    """What an operator should know of who can see what."""
    if not site.access.possible:
        log.warning("the status page is not served", reason="others reach this address; set web-token-file")
    elif site.access.token is not None and not site.access.here_only and not site.secure:
        log.warning("the token of the status page is not encrypted on its way", hint="set web-certificate")
