"""Public keys: which are read, and what they say of a signature."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from reconciler.errors import InvalidSettings
from reconciler.signatures.keys import read_key, signed_by
from reconciler.signatures.payload import Signature
from tests.signatures.signing import PrivateKey, Signer

KEYS = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_signature_counts_for_its_key_and_its_bytes_alone(key: PrivateKey) -> None:
    signer, other = Signer(key), Signer()
    good = signer.sign(b"payload")
    assert signed_by(signer.public, good)
    assert not signed_by(signer.public, Signature(b"payloae", good.value))
    assert not signed_by(signer.public, Signature(good.payload, good.value[:-1]))
    assert not signed_by(signer.public, Signature(good.payload, b""))
    assert not signed_by(other.public, good)


def test_a_key_is_known_by_the_digest_of_its_der_form() -> None:
    signer = Signer()
    der = signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert signer.public.fingerprint == hashlib.sha256(der).hexdigest()
    assert str(signer.public) == f"/etc/keys/a.pub (SHA256:{signer.public.fingerprint[:12]})"


def _public(key: dsa.DSAPrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


WRONG = {
    "no key": (b"hello\n", "is not a public key in PEM form"),
    "empty": (b"", "is not a public key in PEM form"),
    "private": (
        ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "holds a private key",
    ),
    "of cosign, private": (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n", "holds a private key"),
    "another kind": (_public(dsa.generate_private_key(2048)), "of a kind that is not used"),
    "another curve": (_public(ec.generate_private_key(ec.SECP256K1())), "of a kind that is not used"),
    "short": (_public(rsa.generate_private_key(65537, 1024)), "of a kind that is not used"),  # noqa: S505
}


@pytest.mark.parametrize(("content", "told"), WRONG.values(), ids=WRONG)
def test_what_is_no_usable_key_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        read_key("/etc/keys/a.pub", content)
