"""Passport: a member's key, its certificate, and the roots that it trusts, in one file.

One file, because three could not be replaced at once: a key always lies beside the certificate that was made for
it. It is plain PEM (the key, the certificate, who signed it, the roots), as ``curl --cert`` and ``--cacert`` and
``openssl`` read it.

Invariant: what is read here fits together: the certificate is of the key and leads to one of the roots. Whether
its time has come, or passed, is another matter (``standing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.core.member import Member
from reconciler.core.secret import Secret
from reconciler.errors import InputError
from reconciler.tls.certificates import (
    Certificate,
    PrivateKey,
    as_pem,
    fingerprint,
    is_root,
    key_as_pem,
    leads_to,
    member_of,
    read_key,
    read_pem,
)

LIMIT: Final = 64 * 1024
"""Bytes; one with two roots has about 4000."""


@dataclass(frozen=True, slots=True)
class Passport:
    """``chain``: the member's certificate, then who signed it, without the root."""

    key: Secret
    chain: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]

    @property
    def certificate(self) -> Certificate:
        """The member's own."""
        return self.chain[0]

    @property
    def member(self) -> Member:
        """Whom it is of."""
        return member_of(self.certificate)

    @property
    def begins(self) -> datetime:
        """From when on it counts: an hour before it was made."""
        return self.certificate.not_valid_before_utc

    @property
    def ends(self) -> datetime:
        """Until when it counts: its own certificate, and those above it."""
        return min(item.not_valid_after_utc for item in self.chain)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The fingerprints of the roots."""
        return tuple(map(fingerprint, self.roots))

    def content(self) -> Secret:
        """What stands in its file."""
        return Secret(self.key.reveal() + as_pem(self.chain) + as_pem(self.roots))


def make_passport(key: PrivateKey, chain: bytes, roots: bytes) -> Passport:
    """What a signer answered, with the key it is for. Raises ValueError where they do not fit together."""
    return _fitting(key_as_pem(key), read_pem(chain), read_pem(roots))


def read_passport(content: bytes) -> Passport:
    """The passport that stands in a file. Raises ValueError where it is none, or its parts do not fit together."""
    certificates = read_pem(content)
    roots = tuple(item for item in certificates if is_root(item))
    return _fitting(Secret(content), tuple(item for item in certificates if item not in roots), roots)


def _fitting(pem: Secret, chain: tuple[Certificate, ...], roots: tuple[Certificate, ...]) -> Passport:
    key = read_key(pem)
    if not chain or not roots or not all(map(is_root, roots)):
        raise ValueError("lacks a certificate, or a root to trust")
    if chain[0].public_key() != key.public_key():
        raise ValueError("has a certificate that is of another key")
    if not leads_to(chain, roots):
        raise ValueError(f"has a certificate of another authority than the roots beside it ({_named(roots)})")
    try:
        member_of(chain[0])
    except InputError as error:
        raise ValueError(f"cannot be used: {error.message}") from error
    return Passport(key_as_pem(key), chain, roots)


def _named(roots: Sequence[Certificate]) -> str:
    return ", ".join(fingerprint(item)[:16] for item in roots)
