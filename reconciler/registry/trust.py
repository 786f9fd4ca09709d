"""Whom a registry's certificate is believed: the system's authorities, and those that the engine has for it.

Source: "Verify repository client with certificates", docs.docker.com: a folder per ``HOST[:PORT]``, where
``*.crt`` are authorities and ``*.cert`` with a ``*.key`` beside it says who we are.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from reconciler.errors import RegistryUnavailable

CERTIFICATES: Final = Path("/etc/docker/certs.d")


def context_for(host: str, folder: Path = CERTIFICATES) -> ssl.SSLContext:
    """What connections to ``host`` are checked by. Raises RegistryUnavailable for a file that cannot be used."""
    context = ssl.create_default_context()
    own = folder / host
    try:
        for authority in sorted(own.glob("*.crt")):
            context.load_verify_locations(authority)
        for certificate in sorted(own.glob("*.cert")):
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    except OSError as error:  # also what ssl raises
        raise RegistryUnavailable(f"the certificates in {own} cannot be used: {error}") from error
    return context
