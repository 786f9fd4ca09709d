"""Admission: whether somebody whose certificate TLS has accepted may still speak. Pure.

TLS knows when a certificate expires and who signed it, at the moment a connection is made. What changes later is
decided here, for every request, every message and every open connection: expired meanwhile, or denied. What is
denied is read from the orchestrator's own store at that moment. There is no list that is signed, handed out and
could be out of date: such a list locks everybody out when nobody renews it.

Invariant: whoever was denied stays so. A member that is let in again, with a new certificate, does not bring its
old ones back: a member is denied as of a moment, and what was issued before never counts again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from reconciler.core.member import Member
from reconciler.tls.certificates import BACKDATED

FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end, as its certificate says. ``issuer``: the name of who signed it."""

    member: Member
    serial: int
    begins: datetime
    ends: datetime
    issuer: str = ""

    @property
    def made(self) -> datetime:
        """When it was signed."""
        return self.begins + BACKDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """``serials``: single certificates; ``members``: all of a member's that were issued before this moment
    (``FOR_EVER``: those to come too).
    """

    serials: frozenset[int] = frozenset()
    members: Mapping[Member, datetime] = field(default_factory=dict)


NOBODY: Final = Denied()


def may(peer: Peer, denied: Denied, *, now: datetime) -> str | None:
    """None where the peer may speak, otherwise the reason why not."""
    if now >= peer.ends:
        return f"the certificate of {peer.member} expired at {peer.ends:%Y-%m-%dT%H:%M:%SZ}"
    if peer.serial in denied.serials:
        return f"the certificate {peer.serial:x} of {peer.member} is revoked"
    before = denied.members.get(peer.member)
    if before is not None and (before == FOR_EVER or peer.made < before):
        return f"{peer.member} is revoked"
    return None
