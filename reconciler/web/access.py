"""Access: who may see the pages. Decides, from what a request shows; knows no sockets.

On the loopback address everybody who gets there, unless a token or client certificates are asked for. Elsewhere
only who shows the one or the other. A browser shows the token once, in a form, and then a badge made of it: a
cookie that is good for some hours and cannot be made without the token.

Invariants: tokens and badges are compared in constant time; who guesses is made to wait; without a token nothing
is a badge.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from reconciler.core.secret import Secret

SHORTEST_TOKEN: Final = 20
"""Characters: of random letters and digits more than anybody can guess, over a network or a stolen cookie."""

BADGE_S: Final = 12 * 3600
TRIES: Final = 5
EACH_S: Final = 12.0
"""So many wrong tokens at once from one address, then one in this time."""

ADDRESSES: Final = 1024
"""Addresses that are remembered; of those beyond the one that is longest away is forgotten."""


@dataclass(slots=True)
class Patience:
    """How many wrong tokens each address may still show. ``clock``: monotonic seconds."""

    clock: Callable[[], float]
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, address: str) -> float:
        """How long it has to wait until it may try once more; 0 when it may."""
        left = self._now(address)
        return 0.0 if left >= 1 else (1 - left) * EACH_S

    def wrong(self, address: str) -> None:
        """It has shown a wrong one."""
        self._left[address] = (max(0.0, self._now(address) - 1), self.clock())
        self._left.move_to_end(address)
        while len(self._left) > ADDRESSES:
            self._left.popitem(last=False)

    def _now(self, address: str) -> float:
        left, at = self._left.get(address, (float(TRIES), self.clock()))
        return min(float(TRIES), left + (self.clock() - at) / EACH_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows of who makes it: the ``Authorization`` header, the cookie, whether the connection has a
    client certificate that was checked.
    """

    authorization: str = ""
    cookie: str = ""
    certificate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``token`` and ``certificates`` say what is asked for; ``here_only``: we listen on the loopback address.
    ``clock``: seconds since the epoch.
    """

    clock: Callable[[], float]
    here_only: bool
    token: Secret | None = None
    certificates: bool = False

    @property
    def guarded(self) -> bool:
        """Whether something is asked for."""
        return self.token is not None or self.certificates

    @property
    def possible(self) -> bool:
        """Whether the pages are served at all."""
        return self.here_only or self.guarded

    def admits(self, shown: Shown) -> bool:
        """Whether who shows this may see the pages."""
        if not self.guarded:
            return self.here_only
        if self.certificates and shown.certificate:
            return True
        kind, _, token = shown.authorization.partition(" ")
        bearer = kind.lower() == "bearer" and self.right(token.strip())
        return bearer or self._good(shown.cookie)

    def right(self, token: str) -> bool:
        """Whether this is the token."""
        if self.token is None:
            return False
        # Digests are of one length, so that not even the token's length is told.
        sides = (self.token.reveal(), token.encode("utf-8", "surrogatepass"))
        return hmac.compare_digest(*(hashlib.sha256(side).digest() for side in sides))

    def new_badge(self) -> str:
        """A badge for who has shown the token."""
        until = str(int(self.clock()) + BADGE_S)
        return f"{until}.{self._seal(until)}"

    def _good(self, cookie: str) -> bool:
        until, _, seal = cookie.partition(".")
        sound = until.isascii() and until.isdecimal() and len(until) < 16 and seal.isascii()
        if self.token is None or not sound:
            return False
        return hmac.compare_digest(self._seal(until), seal) and self.clock() < int(until)

    def _seal(self, until: str) -> str:
        key = self.token.reveal() if self.token else b""
        return hmac.new(key, f"reconciler status page until {until}".encode(), hashlib.sha256).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether only this host itself gets to an address or a name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def known_host(header: str, names: frozenset[str]) -> bool:
    """Whether a ``Host`` header is one that leads here: an address, or this host by a name that it is known by. A
    name that somebody else gave to our address (DNS rebinding) is none.
    """
    host, colon, port = header.rpartition(":")
    if not colon or not port.isdecimal():
        host = header
    bare = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return bare in names
    return True
