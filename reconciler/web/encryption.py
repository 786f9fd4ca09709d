"""TLS of our own: the certificate that we are served with, and whose clients are known by theirs.

Certificates are renewed every few weeks by programs that only write files, so the files are looked at whenever
somebody connects.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import structlog

from reconciler.errors import InvalidSettings
from reconciler.tls.changing import ChangingContext
from reconciler.unchanged import Signature, signature

log = structlog.get_logger("reconciler")


class FileContext(ChangingContext):
    """Made of files, and made anew for the next connection after one of them was changed. While they cannot be
    used, for instance because the key of a new certificate is not there yet, the former ones are served.
    """

    def __init__(self, make: Callable[[], ssl.SSLContext], *files: Path) -> None:
        """Raises what ``make`` raises; InvalidSettings later on is logged, once for each change of the files."""
        self._make, self._files = make, files
        self._seen = self._looked()
        super().__init__(make)

    def look(self) -> None:
        """Read the files again, if they changed."""
        seen = self._looked()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.change(self._make())
        except InvalidSettings as error:
            log.warning("the former certificate is still served", error=str(error))

    def _looked(self) -> tuple[Signature, ...]:
        return tuple(map(_seen, self._files))


def page_context(certificate: Path, key: Path, client_ca: Path | None = None) -> FileContext:
    """The same as ``server_context``, as these files are at any time. Raises InvalidSettings."""
    files = (certificate, key) if client_ca is None else (certificate, key, client_ca)
    return FileContext(lambda: server_context(certificate, key, client_ca), *files)


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
        # Who resumes a session is not checked again, by an authority that may be another one since then.
        context.minimum_version, context.num_tickets = ssl.TLSVersion.TLSv1_3, 0
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not PEM").replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _seen(path: Path) -> Signature:
    """Of the file to which a link leads; () for one that cannot be seen."""
    try:
        return signature(path.stat())
    except OSError:
        return ()
