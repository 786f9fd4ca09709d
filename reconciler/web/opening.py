"""Opening a site: the files that its settings name, read when the program starts, and what its operator should
know of who sees it.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

import structlog

from reconciler.core.secret import Secret
from reconciler.errors import InvalidSettings
from reconciler.host_file import ANYTHING, Untrusted, read_trusted
from reconciler.web.access import SHORTEST_TOKEN
from reconciler.web.encryption import page_context
from reconciler.web.site import Site

LONGEST_TOKEN: Final = 1024

log = structlog.get_logger("reconciler")


def encryption(certificate: Path | None, key: Path | None, client_ca: Path | None = None) -> ssl.SSLContext | None:
    """Our own TLS; None where it is not asked for. Raises InvalidSettings."""
    if certificate is not None and key is not None:
        return page_context(certificate, key, client_ca).context
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


def read_token(path: Path | None) -> Secret | None:
    """The token in this file; None where none is asked for. Raises InvalidSettings."""
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


def tell(site: Site) -> None:
    """What an operator should know of who can see what."""
    if not site.access.possible:
        log.warning("the status page is not served", reason="others reach this address; set web-token-file")
    elif site.access.token is not None and not site.access.here_only and not site.secure:
        log.warning("the token of the status page is not encrypted on its way", hint="set web-certificate")
