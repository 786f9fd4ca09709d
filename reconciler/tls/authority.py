"""Authority: signs the certificates of a fleet's members.

Decides what it signs: the key of a request, for the Member that the caller says, and nothing that stands in the
request beside the key. Who may ask for which Member is the caller's to decide, before.

Invariant: nothing is signed that would not be accepted: not by an expired certificate, not for another authority's
roots.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reconciler.core.member import Member, Role
from reconciler.errors import StateError
from reconciler.tls.certificates import (
    LEAF_LIFE,
    Certificate,
    Signer,
    Subject,
    as_pem,
    fingerprint,
    make_leaf,
    new_key,
)
from reconciler.tls.passport import Passport, make_passport
from reconciler.tls.requests import requested_key

ADMIN_LIFE: Final = timedelta(days=90)
"""A person's certificate lies in a file and nobody renews it; it is revoked where that is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What who asked is answered: the certificate with who signed it, and the roots to trust, as PEM."""

    member: Member
    serial: int
    begins: datetime
    ends: datetime
    chain: bytes
    roots: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """``root``: the one above ``issuing``; ``roots``: all that are trusted now."""

    issuing: Signer
    root: Certificate
    roots: tuple[Certificate, ...]

    @property
    def fingerprint(self) -> str:
        """That of the root under which is signed; what join tokens carry."""
        return fingerprint(self.root)

    @property
    def bundle(self) -> bytes:
        """All roots that are trusted, as PEM. Public."""
        return as_pem(self.roots)

    def sign(self, request: bytes, member: Member, *, now: datetime, life: timedelta = LEAF_LIFE) -> Issued:
        """Answer a request with a certificate for this member. Raises AccessRefused for a request that is not
        answered, StateError where this authority cannot sign now.
        """
        return self._issued(Subject(member=member, key=requested_key(request)), now, life)

    def passport(
        self, member: Member, *, names: tuple[str, ...] = (), now: datetime, life: timedelta | None = None
    ) -> Passport:
        """A whole one, made here: for the server itself, and for people. ``names``: of hosts and addresses, for
        servers. Raises InputError for names that are none, StateError.
        """
        key = new_key()
        usual = LEAF_LIFE if member.role in {Role.SERVER, Role.AGENT} else ADMIN_LIFE
        issued = self._issued(Subject(member=member, key=key.public_key(), names=names), now, life or usual)
        return make_passport(key, issued.chain, issued.roots)

    def _issued(self, subject: Subject, now: datetime, life: timedelta) -> Issued:
        self._must_count(now)
        leaf = make_leaf(self.issuing, subject, now=now, life=life)
        return Issued(
            member=subject.member,
            serial=leaf.serial_number,
            begins=leaf.not_valid_before_utc,
            ends=leaf.not_valid_after_utc,
            chain=as_pem((leaf, self.issuing.certificate)),
            roots=self.bundle,
        )

    def _must_count(self, now: datetime) -> None:
        for name, item in (("issuing certificate", self.issuing.certificate), ("root", self.root)):
            begins, ends = item.not_valid_before_utc, item.not_valid_after_utc
            if now >= ends:
                raise StateError(
                    f"nothing can be signed: the authority's {name} expired at {ends:%Y-%m-%d}",
                    hint="renew the issuing certificate, or rotate the root",
                )
            if now < begins:
                raise StateError(
                    f"nothing can be signed: the authority's {name} counts from {begins:%Y-%m-%dT%H:%M:%SZ} on",
                    hint="the clock of this host is behind: set it",
                )
