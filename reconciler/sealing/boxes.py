"""Credentials of a task, sealed to the one agent that carries it out (HPKE, RFC 9180, base mode).

X25519 with HKDF-SHA256, and ChaCha20-Poly1305. What they are bound to goes into the encryption, and stands inside
once more, where it is compared after opening. HPKE does not say who sealed: the whole task is signed for that
(``signed_task``).

Invariant: no error tells a value, and none is kept here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from reconciler import strict_json
from reconciler.core.secret import Secret
from reconciler.errors import SecretSealed
from reconciler.sealing.binding import Binding, difference, read_binding

LIMIT: Final = 256 * 1024
"""Bytes of plaintext: registry logins and a few secret files."""

KEY_BYTES: Final = 32
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """What travels and is stored: ciphertext, and in clear text what it is bound to. ``key``: id of the agent's
    key that opens it.
    """

    binding: Binding
    key: str
    ciphertext: bytes

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "version": 1,
            "binding": self.binding.value(),
            "key": self.key,
            "ciphertext": base64.b64encode(self.ciphertext).decode(),
        }


def new_key() -> Secret:
    """An agent's key that opens. It never leaves the host."""
    return Secret(X25519PrivateKey.generate().private_bytes_raw())


def public_of(key: Secret) -> bytes:
    """The half that others seal with. Raises ValueError where it is no key."""
    return X25519PrivateKey.from_private_bytes(key.reveal()).public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """By which a key is named."""
    return hashlib.sha256(b"stella sealing key\0" + public).hexdigest()[:16]


def seal(values: Mapping[str, Secret], binding: Binding, public: bytes) -> SealedCredentials:
    """Seal values, by name, to the agent that has told this public key. Raises ValueError for more than fits, and
    for what is no key.
    """
    key, encoded = key_id(public), {name: _encoded(item) for name, item in values.items()}
    plain = strict_json.canonical({"binding": binding.value(), "key": key, "values": encoded})
    if len(plain) > LIMIT:
        raise ValueError(f"the credentials of a task have at most {LIMIT} bytes")
    sealed = _SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(public), binding.info(key))
    return SealedCredentials(binding, key, sealed)


def read_sealed(value: Any) -> SealedCredentials:
    """From JSON. Raises SecretSealed where it is something else."""
    try:
        if not isinstance(value, dict) or value.keys() != {"version", "binding", "key", "ciphertext"}:
            raise ValueError("have another form")
        if value["version"] != 1 or not isinstance(value["key"], str) or not isinstance(value["ciphertext"], str):
            raise ValueError("are of another version")
        return SealedCredentials(read_binding(value["binding"]), value["key"], _decoded(value["ciphertext"]))
    except ValueError as error:
        raise SecretSealed(f"the task's credentials cannot be read: {error}") from error


def open_sealed(sealed: SealedCredentials, wanted: Binding, key: Secret, *, now: float) -> dict[str, Secret]:
    """The values, by name. ``wanted``: what the agent knows; what ``sealed`` says of itself only explains. Raises
    SecretSealed.
    """
    if unlike := difference(sealed.binding, wanted):
        raise SecretSealed(
            f"the credentials of task {wanted.task} are bound to something else: they differ in {unlike}",
            hint="they are not opened; the task has to be sent again",
        )
    if now >= wanted.expires:
        raise SecretSealed(f"the credentials of task {wanted.task} have expired", hint="send the task again")
    try:
        own, private = key_id(public_of(key)), X25519PrivateKey.from_private_bytes(key.reveal())
        inside = strict_json.read(_SUITE.decrypt(sealed.ciphertext, private, wanted.info(own)), limit=LIMIT)
        if read_binding(inside["binding"]) != wanted or inside["key"] != own:
            raise ValueError("another binding stands inside")
        return {name: Secret(_decoded(value)) for name, value in inside["values"].items()}
    except (InvalidTag, ValueError, KeyError, TypeError, AttributeError):
        raise SecretSealed(
            f"the credentials of task {wanted.task} do not open: they are for another key, or were changed",
            hint="the task has to be sent again",
        ) from None  # what was read is not to be found in a traceback


def _encoded(value: Secret) -> str:
    return base64.b64encode(value.reveal()).decode()


def _decoded(text: str) -> bytes:
    """Raises ValueError; also where the same bytes are written in another way."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, UnicodeError):
        raise ValueError("is no base64") from None
    if base64.b64encode(found).decode() != text:
        raise ValueError("is base64 in an odd form")
    return found
