"""Certificates: how those of a fleet look, and how they are written and read.

Decides their fields. Root and issuing certificate sign, and nothing else; a leaf names one Member as its only URI
and is good for one side of a connection: a server's for servers, every other for clients. All keys are P-256.
Subjects of leaves are empty, so that nobody can take a name from a field that is not checked.

Invariant: a leaf is back-dated by an hour for hosts whose clock is behind, and never outlives who signed it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconciler.core.member import SCHEME, Member, Role, is_label, read_member
from reconciler.core.secret import Secret
from reconciler.errors import InputError

BACKDATED: Final = timedelta(hours=1)
LEAF_LIFE: Final = timedelta(hours=24)
ISSUING_LIFE: Final = timedelta(days=3 * 365)
ROOT_LIFE: Final = timedelta(days=10 * 365)

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for what somebody made up."""

Certificate = x509.Certificate
PublicKey = ec.EllipticCurvePublicKey
PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that signs others, with its key."""

    certificate: Certificate
    key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a leaf is for. ``names``: host names and addresses under which a server is reached."""

    member: Member
    key: PublicKey
    names: tuple[str, ...] = ()


def new_key() -> PrivateKey:
    """A fresh key."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(now: datetime) -> Signer:
    """A root that has signed itself; its name tells roots of one installation apart."""
    key = new_key()
    name = _name("root", key)
    made = _builder(name, name, key.public_key(), now - BACKDATED, now + ROOT_LIFE)
    return Signer(_as_signer(made, key, below=1).sign(key, hashes.SHA256()), key)


def make_issuing(root: Signer, now: datetime) -> Signer:
    """The certificate that signs leaves, so that the root's key can lie elsewhere."""
    key, issuer = new_key(), root.certificate
    end = min(now + ISSUING_LIFE, issuer.not_valid_after_utc)
    made = _builder(_name("issuing", key), issuer.subject, key.public_key(), now - BACKDATED, end)
    return Signer(_as_signer(made, root.key, below=0).sign(root.key, hashes.SHA256()), key)


def make_leaf(issuing: Signer, subject: Subject, *, now: datetime, life: timedelta) -> Certificate:
    """A certificate of one Member. Raises InputError for names that are none."""
    issuer = issuing.certificate
    end = min(now + life, issuer.not_valid_after_utc)
    serves = subject.member.role is Role.SERVER
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
    general = [x509.UniformResourceIdentifier(subject.member.uri), *map(_general, subject.names)]
    made = (
        _builder(x509.Name([]), issuer.subject, subject.key, now - BACKDATED, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        .add_extension(x509.SubjectAlternativeName(general), critical=True)  # the subject is empty
        .add_extension(_authority_of(issuing.key), critical=False)
    )
    return made.sign(issuing.key, hashes.SHA256())


def member_of(certificate: Certificate) -> Member:
    """The Member that a leaf names. Raises InputError where it names none, or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise InputError("the certificate names no member of a fleet") from None
    return the_member(names.get_values_for_type(x509.UniformResourceIdentifier))


def the_member(uris: Sequence[str]) -> Member:
    """The Member, where the URIs of a certificate are exactly one. Raises InputError."""
    if len(uris) != 1:
        raise InputError(f"the certificate has {len(uris)} URIs, and one is wanted, as {SCHEME}agent/NAME")
    return read_member(uris[0])


def is_root(certificate: Certificate) -> bool:
    """Whether it is a certificate that may sign others and has signed itself."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and signed_by(certificate, certificate)


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's name and key are those by which it is signed."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def leads_to(chain: Sequence[Certificate], roots: Iterable[Certificate]) -> bool:
    """Whether each of the chain is signed by the next, and the last by a root. Says nothing of time."""
    linked = all(signed_by(lower, upper) for lower, upper in itertools.pairwise(chain))
    return bool(chain) and linked and any(signed_by(chain[-1], root) for root in roots)


def common_name(certificate: Certificate) -> str:
    """What it is called, and what those that it signs call their issuer; "" for a leaf."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def fingerprint(certificate: Certificate) -> str:
    """SHA-256 of its DER form, in hex, as ``openssl x509 -fingerprint -sha256`` shows it with colons."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def key_digest(key: PublicKey) -> str:
    """SHA-256 of a public key, in hex."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def as_pem(certificates: Iterable[Certificate]) -> bytes:
    """One after the other."""
    return b"".join(item.public_bytes(Encoding.PEM) for item in certificates)


def read_pem(content: bytes) -> tuple[Certificate, ...]:
    """All certificates of a text, in their order. Raises ValueError where there is none, or one that is damaged or
    of a kind that nobody here makes.
    """
    try:
        found = tuple(x509.load_pem_x509_certificates(content))
        for item in found:
            item.public_key()
            list(item.extensions)
    except (*UNREADABLE, CryptographyDeprecationWarning) as error:  # an error where warnings are errors
        raise ValueError("cannot be read as certificates") from error
    if any(item.serial_number <= 0 for item in found):  # RFC 5280, 4.1.2.2; as yet the library only warns of it
        raise ValueError("has a certificate whose serial number is not positive")
    return found


def key_as_pem(key: PrivateKey) -> Secret:
    """PKCS #8, not encrypted: who can read the file is what protects it."""
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_key(pem: Secret) -> PrivateKey:
    """Raises ValueError where it is no P-256 key."""
    try:
        key = load_pem_private_key(pem.reveal(), password=None)
    except (ValueError, TypeError):
        raise ValueError("has no usable key") from None
    if not isinstance(key, PrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("has a key of another kind than P-256")  # noqa: TRY004  (one kind of error for all)
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _as_signer(made: x509.CertificateBuilder, by: PrivateKey, *, below: int) -> x509.CertificateBuilder:
    """``below``: how many signers there may be under it."""
    return (
        made.add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(_authority_of(by), critical=False)
    )


def _authority_of(key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(kind: str, key: PrivateKey) -> x509.Name:
    mark = key_digest(key.public_key())[:8]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"reconciler {kind} {mark}")])


def _general(name: str) -> x509.GeneralName:
    """An address of the network, or a host name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name or len(name) > 253 or not all(map(is_label, name.lower().split("."))):
        raise InputError(f"{name[:120]!r} is neither a host name nor an address", hint="without scheme and port")
    return x509.DNSName(name.lower())
