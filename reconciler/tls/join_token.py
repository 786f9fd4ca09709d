"""Join token: by which a new agent finds its orchestrator trustworthy, and the orchestrator the agent. Pure.

One word that a person carries from one host to the other. It says for which target, until when, the fingerprint of
the authority's root, and a secret:

    stella_join_1_host-a_1767225600_<fingerprint>_<secret>_<checksum>

The beginning is fixed, so that scanners find a token where none may lie; the checksum finds a slip of the hand
before anything is asked. What the orchestrator keeps is an Invitation, which has a hash of the secret: who reads
it there cannot join. What counts is the Invitation, not what the token says of itself.

Invariants: a token is good for one key. Who asks again with the same key is answered again, because an answer may
be lost; any other is refused. No message tells a secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from reconciler.core.member import is_label
from reconciler.core.secret import Secret
from reconciler.errors import InputError

LIFE: Final = timedelta(hours=24)
SECRET_BYTES: Final = 32
PREFIX: Final = "stella_join_1_"
PATTERN: Final = (
    r"stella_join_1_(?P<target>[a-z0-9-]{1,63})_(?P<expires>[0-9]{1,11})"
    r"_(?P<root>[0-9a-f]{64})_(?P<secret>[a-z2-7]{52})_(?P<sum>[0-9a-f]{8})"
)
"""For scanners of secrets too."""

_TOKEN: Final = re.compile(PATTERN)
_HINT: Final = "copy it again, whole; a new one is made with 'orchestrator token'"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """``root``: the fingerprint of the authority's root; ``secret``: 32 bytes that nobody can guess."""

    target: str
    expires: datetime
    root: str
    secret: Secret

    def text(self) -> Secret:
        """As it is handed over, once."""
        secret = base64.b32encode(self.secret.reveal()).decode().rstrip("=").lower()
        begin = f"{PREFIX}{self.target}_{int(self.expires.timestamp())}_{self.root}_{secret}_"
        return Secret((begin + _checksum(begin)).encode())

    @property
    def digest(self) -> str:
        """What is kept of the secret. It is long and random, so that no slow hash is needed."""
        return hashlib.sha256(b"stella join token\0" + self.secret.reveal()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What the orchestrator keeps of a token. ``used_by``: the digest of the key that it was used for, or ""."""

    digest: str
    target: str
    expires: datetime
    used_by: str = ""


def make_token(target: str, root: str, secret: Secret, *, expires: datetime) -> JoinToken:
    """A token for one target. Raises InputError for a name that is none, ValueError for a bad root or secret."""
    if not is_label(target):
        raise InputError(f"{target[:80]!r} cannot be the name of a target", hint="lower-case letters, digits, '-'")
    if len(secret.reveal()) != SECRET_BYTES or re.fullmatch("[0-9a-f]{64}", root) is None:
        raise ValueError("a join token has 32 secret bytes and a fingerprint of SHA-256 in hex")
    return JoinToken(target=target, expires=expires.replace(microsecond=0), root=root, secret=secret)


def read_token(text: Secret) -> JoinToken:
    """The token that somebody brought. Raises InputError, which does not tell it."""
    word = text.reveal().strip().decode("ascii", errors="replace")
    found = _TOKEN.fullmatch(word)
    if found is None:
        raise InputError(f"this is no join token: one begins with {PREFIX} and has six parts more", hint=_HINT)
    if _checksum(word[: -len(found["sum"])]) != found["sum"] or not is_label(found["target"]):
        raise InputError("the join token has a wrong letter somewhere: its checksum does not fit", hint=_HINT)
    secret = base64.b32decode(found["secret"].upper() + "====")
    expires = datetime.fromtimestamp(int(found["expires"]), UTC)
    token = JoinToken(target=found["target"], expires=expires, root=found["root"], secret=Secret(secret))
    if token.text().reveal() != word.encode():
        raise InputError("the join token is not written as tokens are", hint=_HINT)
    return token


def invitation(token: JoinToken) -> Invitation:
    """What is kept of it."""
    return Invitation(digest=token.digest, target=token.target, expires=token.expires)


def refusal(
    token: JoinToken, kept: Invitation | None, *, key: str, roots: Collection[str], now: datetime
) -> str | None:
    """Why nobody is let in by this token, None where its target is. ``kept``: what was found for its digest;
    ``key``: the digest of the key that asks; ``roots``: the fingerprints of the roots that are trusted.

    For the orchestrator's own ears: who asked is only told that the token does not count.
    """
    if kept is None or not hmac.compare_digest(kept.digest, token.digest):
        return "no such token was made here, or it was withdrawn"
    if token.target != kept.target:
        return f"the token was made for {kept.target}"
    if token.root not in roots:
        return "the token carries another authority's fingerprint"
    if now >= kept.expires:
        return f"the token expired at {kept.expires:%Y-%m-%dT%H:%M:%SZ}"
    if kept.used_by and not hmac.compare_digest(kept.used_by, key):
        return "the token was used before, for another key"
    return None


def expired(token: JoinToken, now: datetime) -> bool:
    """What the agent can see for itself before it asks anybody."""
    return now >= token.expires


def _checksum(text: str) -> str:
    """CRC-32 sees every wrong letter, and every two that were swapped."""
    return f"{zlib.crc32(text.encode()):08x}"
