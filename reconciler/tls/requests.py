"""Requests for a certificate (PKCS #10): made by who has the key, read by who signs.

Decides what is taken from one: the public key, and nothing else. Names and extensions that somebody wrote into it
are not even looked at; for whom the certificate is, the signer knows from elsewhere. The request is signed by its
own key, which proves that who asks has it.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from reconciler.errors import AccessRefused
from reconciler.tls.certificates import UNREADABLE, PrivateKey, PublicKey

LIMIT: Final = 8 * 1024
"""Bytes; a request of ours has about 400."""


def make_request(key: PrivateKey) -> bytes:
    """A request, as PEM, that says nothing but the key."""
    made = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def requested_key(request: bytes) -> PublicKey:
    """The key that a request is for. Raises AccessRefused for another kind, or one that the sender lacks."""
    if len(request) > LIMIT:
        raise AccessRefused(f"the request for a certificate is larger than {LIMIT} bytes")
    try:
        read = x509.load_pem_x509_csr(request)
        key, proven = read.public_key(), read.is_signature_valid
    except UNREADABLE as error:
        raise AccessRefused("the request for a certificate cannot be read", hint="send PKCS #10 as PEM") from error
    if not isinstance(key, PublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise AccessRefused("the request for a certificate has a key of another kind", hint="use a P-256 key")
    if not proven:
        raise AccessRefused("the request for a certificate is not signed by its own key")
    return key
