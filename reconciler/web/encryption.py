"""TLS of our own: the certificate that we are served with, and whose clients are known by theirs."""

from __future__ import annotations

import ssl
from pathlib import Path

from reconciler.errors import InvalidSettings


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Clients of ``client_ca`` may show a certificate, nobody must: metrics and health are read without. Raises
    InvalidSettings.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password="")  # nobody is there to be asked for one
    except (OSError, ValueError) as error:
        raise InvalidSettings(
            f"cannot serve with the certificate {certificate} and the key {key}: {_reason(error)}",
            hint="both are PEM files, the key without a password; web-certificate and web-key name them",
        ) from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as error:
            raise InvalidSettings(
                f"cannot take {client_ca} for the authority of clients: {_reason(error)}",
                hint="web-client-ca names a PEM file with one or more certificates",
            ) from error
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not PEM").replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
