"""TLS contexts: how the two sides of a connection come to trust each other.

Decides: TLS 1.3 alone; both sides show a certificate of this installation's authority, and no other authority
counts, none of the system's either; no session is resumed, because who resumes one is not checked again (tickets
are off). Who may do what is decided later, by the Member (``guard``).

A client checks whom it reached while the connection is made, before a byte is sent: the certificate must be a
server's, and be for the host name or address of the URL, or for the Member that is asked for.

Keys come from memory: what was read and checked is what is used, whatever happens to the files meanwhile.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.errors import InputError
from reconciler.tls.certificates import Certificate, as_pem, the_member
from reconciler.tls.changing import ChangingContext
from reconciler.tls.passport import Passport

ALPN: Final = ["http/1.1"]


class ServerContext(ChangingContext):
    """What members connect to."""

    def __init__(self, passport: Passport, *, clients: bool = True) -> None:
        """``clients``: whether who connects must show a certificate; all but enrolment do."""
        self._clients = clients
        super().__init__(lambda: self._made(passport))

    def use(self, passport: Passport) -> None:
        """From the next connection on. Raises ValueError for a passport that is not a server's."""
        self.change(self._made(passport))

    def _made(self, passport: Passport) -> ssl.SSLContext:
        if passport.member.role is not Role.SERVER:
            raise ValueError(f"the certificate of {passport.member} is not a server's")
        context = _bare(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0
        _show(context, passport)
        if self._clients:
            context.verify_mode = ssl.CERT_REQUIRED
            _trust(context, passport.roots)
        return context


def ask_members(context: ssl.SSLContext, roots: tuple[Certificate, ...]) -> None:
    """Let who connects to a server with a certificate of somebody else's show that of a member; nobody must. For
    browsers: whether that lets them in is decided for each request.
    """
    _strict(context)
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_OPTIONAL
    _trust(context, roots)


def client_context(passport: Passport, *, server: Member | None = None) -> ssl.SSLContext:
    """For connections to a server, of a member. ``server``: who it must be, where it is reached under changing
    names; without, it must have a certificate for the host name or address of the URL.
    """
    context = _client(passport.roots, server)
    _show(context, passport)
    return context


def enrolment_context(root: Certificate, *, server: Member | None = None) -> ssl.SSLContext:
    """The same for who is no member yet, and trusts the one root whose fingerprint its token carries."""
    return _client((root,), server)


def unverified_context() -> ssl.SSLContext:
    """Trusts nobody and asks nothing: for fetching what is public and is checked by its fingerprint (``pinning``).

    Nothing may be sent over it that others must not see, and nothing believed that comes.
    """
    context = _bare(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _client(roots: tuple[Certificate, ...], server: Member | None) -> ssl.SSLContext:
    context = _bare(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = server is None
    context.sslobject_class, context.sslsocket_class = _checking(server)
    _trust(context, roots)
    return context


def _bare(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    _strict(context)
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(ALPN)
    return context


def _strict(context: ssl.SSLContext) -> None:
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def _checking(server: Member | None) -> tuple[type[ssl.SSLObject], type[ssl.SSLSocket]]:
    """Classes that end the handshake with an error where the other side is not the server that is wanted."""

    class CheckedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            _must_be(server, self.getpeercert())

    class CheckedSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  (as it is called)
            super().do_handshake(block)
            _must_be(server, self.getpeercert())

    return CheckedObject, CheckedSocket


def _must_be(server: Member | None, shown: dict[str, Any] | None) -> None:
    try:
        found = the_member(uris_of(shown or {}))
    except InputError as error:
        raise ssl.SSLCertVerificationError(error.message) from error
    if found.role is not Role.SERVER or (server is not None and found != server):
        raise ssl.SSLCertVerificationError(f"reached {found}, and wanted {server or 'a server'}")


def uris_of(shown: dict[str, Any]) -> list[str]:
    """The URIs of a certificate as ``ssl`` shows it."""
    return [value for kind, value in shown.get("subjectAltName", ()) if kind == "URI"]


def _trust(context: ssl.SSLContext, roots: tuple[Certificate, ...]) -> None:
    context.load_verify_locations(cadata=as_pem(roots).decode("ascii"))


def _show(context: ssl.SSLContext, passport: Passport) -> None:
    content = Secret(passport.key.reveal() + as_pem(passport.chain))
    with _in_memory(content) as path:
        context.load_cert_chain(path)


@contextmanager
def _in_memory(content: Secret) -> Iterator[str]:
    """``ssl`` takes keys from files alone; this one is on no disk, and gone afterwards."""
    handle = os.memfd_create("passport", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(content.reveal())
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
