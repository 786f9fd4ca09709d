"""Who is at the other end of an aiohttp connection, by the certificate that TLS has checked.

Works for a request and for the WebSocket that a request became: both have the connection's TLS object. Nothing is
ever taken from a header.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any, Protocol

from reconciler.errors import AccessRefused, InputError
from reconciler.tls.admission import Peer
from reconciler.tls.certificates import the_member
from reconciler.tls.contexts import uris_of


class Connected(Protocol):
    """A request, a WebSocket of either side, a transport: whatever knows its connection."""

    def get_extra_info(self, name: str, default: Any = None) -> Any: ...


def peer_of(connected: Connected) -> Peer:
    """Raises AccessRefused where it has no certificate that names one member."""
    found = connected.get_extra_info("ssl_object")
    shown = found.getpeercert() if isinstance(found, ssl.SSLObject | ssl.SSLSocket) else None
    if not shown:
        raise AccessRefused("no certificate was shown", hint="connect with the certificate of a member")
    return read_peer(shown)


def read_peer(shown: dict[str, Any]) -> Peer:
    """From a certificate as ``ssl`` shows it. Raises AccessRefused."""
    try:
        return Peer(
            member=the_member(uris_of(shown)),
            serial=int(shown["serialNumber"], 16),
            begins=_moment(shown["notBefore"]),
            ends=_moment(shown["notAfter"]),
            issuer=_common_name(shown["issuer"]),
        )
    except (InputError, KeyError, ValueError) as error:
        raise AccessRefused(f"the certificate that was shown does not count here: {error}") from error


def _common_name(name: Any) -> str:
    """Of a name as ``ssl`` shows it: pairs within pairs."""
    return next((str(value) for part in name for key, value in part if key == "commonName"), "")


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
