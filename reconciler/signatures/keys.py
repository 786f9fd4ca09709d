"""Public keys, and whether a signature is by one of them. The only file of this room that uses ``cryptography``.

The schemes are those of cosign with a key of its own: ECDSA over SHA-256 on P-256, P-384 or P-521 (which
``cosign generate-key-pair`` makes), RSA with PKCS #1 v1.5 over SHA-256 from 2048 bits on, Ed25519.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from reconciler.core.signing import PublicKey
from reconciler.errors import InvalidSettings
from reconciler.signatures.payload import Signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

LEAST_RSA_BITS: Final = 2048


def read_key(path: str, content: bytes) -> PublicKey:
    """The key in a file. Raises InvalidSettings where it is no PEM public key of a kind that is known here."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  (heavy)

    key = _loaded(path, content)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(path, hashlib.sha256(der).hexdigest(), content)


def signed_by(key: PublicKey, signature: Signature) -> bool:
    """Whether this key signed exactly these bytes."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (heavy, and needed by few)

    try:
        _verify(_loaded(key.path, key.pem), signature)
    except InvalidSignature:
        return False
    return True


def _loaded(path: str, content: bytes) -> PublicKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (heavy)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    if b"PRIVATE KEY" in content:
        raise InvalidSettings(
            f"{path} holds a private key", hint="name the public one, and keep that one elsewhere"
        )
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidSettings(
            f"{path} is not a public key in PEM form", hint="`cosign public-key --key cosign.key` prints it"
        ) from error
    curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(
        key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
    )
    strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS
    if not (curve or strong or isinstance(key, ed25519.Ed25519PublicKey)):
        raise InvalidSettings(
            f"{path} holds a key of a kind that is not used for images",
            hint=f"allowed: ECDSA on P-256, P-384 or P-521, RSA from {LEAST_RSA_BITS} bits on, Ed25519",
        )
    return key


def _verify(key: PublicKeyTypes, signature: Signature) -> None:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  (heavy)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: PLC0415

    value, payload = signature.value, signature.payload
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(value, payload, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(value, payload, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(key, ed25519.Ed25519PublicKey)  # noqa: S101  (others are not loaded)
        key.verify(value, payload)
