"""Release keys: who signs tasks has the secret one, agents have the public ones that they believe.

Ed25519. A key's id is made of the key, so that an id can stand for no other. It is not the TLS key: whoever owns
the channel still gives no orders. Several are trusted at once while one takes the place of another.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from reconciler.atomic import create_file
from reconciler.core.secret import Secret
from reconciler.errors import InputError, StateDamaged
from reconciler.host_file import ANYTHING, Untrusted, read_trusted

LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class ReleaseKey:
    """The secret one. Raises ValueError where it is none."""

    pem: Secret

    def __post_init__(self) -> None:
        self._private()

    @property
    def id(self) -> str:
        """By which it is named in what it signed."""
        return _id(self._private().public_key())

    @property
    def public(self) -> bytes:
        """The public one, as PEM, to be given to agents."""
        return self._private().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, content: bytes) -> bytes:
        """64 bytes."""
        return self._private().sign(content)

    def _private(self) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(self.pem.reveal(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("is no key that can be used") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("is a key of another kind than Ed25519")  # noqa: TRY004  (one kind of error for all)
        return key


class TrustedReleaseKeys:
    """The public keys that an agent believes. Raises InputError for texts that are none."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self._keys = {_id(key): key for key in map(_public, texts)}

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the keys, in order."""
        return tuple(sorted(self._keys))

    def knows(self, key_id: str) -> bool:
        """Whether there is a key of this id."""
        return key_id in self._keys

    def signed(self, key_id: str, content: bytes, signature: bytes) -> bool:
        """Whether the key of this id signed exactly these bytes."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


def new_release_key() -> ReleaseKey:
    """A fresh one."""
    made = Ed25519PrivateKey.generate()
    return ReleaseKey(Secret(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())))


def release_key(path: Path, *, make: bool = False) -> ReleaseKey:
    """The key in a file. ``make``: one is made where there is none. Raises StateDamaged where it cannot be used or
    others can read it, StateUnwritable.
    """
    if make:
        create_file(path, new_release_key().pem.reveal(), mode=0o600)
    try:
        return ReleaseKey(Secret(read_trusted(path, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid())))
    except FileNotFoundError:
        raise StateDamaged(f"the release key {path} is not there", hint="put its copy back") from None
    except Untrusted as error:
        raise StateDamaged(f"the release key is not used: {error}", hint=error.hint) from error
    except ValueError as error:
        raise StateDamaged(f"the release key {path} {error}", hint="put its copy back") from error


def _public(text: bytes) -> Ed25519PublicKey:
    if b"PRIVATE KEY" in text:
        raise InputError("a private key was given as one to trust", hint="give the public one, and keep that one")
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("this is no public key in PEM form", hint="release keys are Ed25519") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("this is a public key of another kind", hint="release keys are Ed25519")
    return key


def _id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(b"stella release key\0" + key.public_bytes_raw()).hexdigest()[:16]
