"""The key of an audit log's checkpoints (Ed25519). The only file of this room that uses ``cryptography``.

The key is 32 random bytes in the state directory; what verifies is the public half, which every checkpoint names.
"""

from __future__ import annotations

PREFIX = b"reconciler audit checkpoint v1\n"
"""Before what is signed, so that no other use of the key can give a signature of a checkpoint."""


def public_key(secret: bytes) -> str:
    """The public half, in hexadecimal."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  (heavy)

    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw().hex()


def sign(secret: bytes, content: bytes) -> str:
    """The signature of these bytes, in hexadecimal."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  (heavy)

    return Ed25519PrivateKey.from_private_bytes(secret).sign(PREFIX + content).hex()


def signed_by(public: str, content: bytes, signature: str) -> bool:
    """Whether the key signed exactly these bytes; False also for what is no key or no signature."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (heavy)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), PREFIX + content)
    except (InvalidSignature, ValueError):
        return False
    return True
