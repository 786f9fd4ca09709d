"""What an authority signs, and what it does not."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.errors import AccessRefused, InputError, StateError
from reconciler.tls.authority import ADMIN_LIFE
from reconciler.tls.certificates import (
    BACKDATED,
    ISSUING_LIFE,
    LEAF_LIFE,
    ROOT_LIFE,
    as_pem,
    fingerprint,
    is_root,
    leads_to,
    make_issuing,
    make_root,
    member_of,
    new_key,
    read_key,
    read_pem,
)
from reconciler.tls.passport import make_passport, read_passport
from reconciler.tls.requests import LIMIT, make_request, requested_key
from tests.tls.fleet import ADMIN, AGENT, HOUR, SERVER, moment, new_authority

NOW = moment()
AUTHORITY = new_authority(NOW)
DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SAN = x509.SubjectAlternativeName


def request_of(key: object, *extensions: x509.ExtensionType, name: str = "") -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    made = x509.CertificateSigningRequestBuilder(x509.Name(attributes))
    for extension in extensions:
        made = made.add_extension(extension, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return made.sign(key, algorithm).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def test_of_a_request_nothing_but_its_key_is_taken() -> None:
    key = new_key()
    greedy = request_of(
        key,
        SAN([x509.UniformResourceIdentifier(ADMIN.uri), x509.DNSName("localhost")]),
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        name="root",
    )
    issued = AUTHORITY.sign(greedy, AGENT, now=NOW)
    leaf, issuing = read_pem(issued.chain)
    extensions = leaf.extensions
    assert leaf.public_key() == key.public_key()
    assert list(extensions.get_extension_for_class(SAN).value) == [x509.UniformResourceIdentifier(AGENT.uri)]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert (member_of(leaf), list(leaf.subject), issuing) == (AGENT, [], AUTHORITY.issuing.certificate)
    assert (issued.serial, issued.member) == (leaf.serial_number, AGENT)
    assert (issued.begins, issued.ends) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)


REFUSED = {
    "another curve": (request_of(ec.generate_private_key(ec.SECP384R1())), "a key of another kind"),
    "another kind": (request_of(ed25519.Ed25519PrivateKey.generate()), "a key of another kind"),
    "no request": (b"hello", "cannot be read"),
    "a certificate": (AUTHORITY.bundle, "cannot be read"),
    "huge": (b"x" * (LIMIT + 1), "larger than 8192 bytes"),
}


@pytest.mark.parametrize(("request_", "told"), REFUSED.values(), ids=REFUSED)
def test_a_request_with_no_key_of_ours_is_refused(request_: bytes, told: str) -> None:
    with pytest.raises(AccessRefused, match=told):
        AUTHORITY.sign(request_, AGENT, now=NOW)


def test_who_asks_has_to_have_the_key() -> None:
    """The public key of somebody else, with a signature of one's own."""
    mine, other = make_request(new_key()), make_request(new_key())
    der = x509.load_pem_x509_csr(mine).public_bytes(Encoding.DER)
    my_key, other_key = (requested_key(item).public_bytes(*DER) for item in (mine, other))
    assert der.count(my_key) == 1
    forged = x509.load_der_x509_csr(der.replace(my_key, other_key)).public_bytes(Encoding.PEM)
    with pytest.raises(AccessRefused, match="not signed by its own key"):
        requested_key(forged)


@given(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from(["request", "leaf", "issuing", "root"]))
@example(3939, 128, "issuing")  # a serial number that is negative
def test_whatever_somebody_makes_up_is_refused_in_our_words(place: int, by: int, what: str) -> None:
    """A byte of the DER form changed: odd versions, algorithms, curves and extensions come of it."""
    passport = AUTHORITY.passport(AGENT, now=NOW)
    parts = {"leaf": passport.chain[0], "issuing": passport.chain[1], "root": passport.roots[0]}
    if what == "request":
        with pytest.raises(AccessRefused):
            requested_key(with_a_byte_changed(make_request(new_key()), place, by))
        return
    texts = {name: as_pem([item]) for name, item in parts.items()}
    texts[what] = with_a_byte_changed(texts[what], place, by)
    with pytest.raises(ValueError, match=r"(has|lacks|cannot be)"):
        read_passport(passport.key.reveal() + b"".join(texts.values()))


def with_a_byte_changed(pem: bytes, place: int, by: int) -> bytes:
    begin, *lines, end = pem.splitlines()
    der = bytearray(b64decode(b"".join(lines)))
    der[place % len(der)] ^= by
    return b"\n".join([begin, b64encode(der), end, b""])


def test_a_certificate_is_back_dated_and_never_outlives_its_issuer() -> None:
    issued = AUTHORITY.sign(make_request(new_key()), AGENT, now=NOW)
    assert (issued.begins, issued.ends) == (NOW - BACKDATED, NOW + LEAF_LIFE)
    late = NOW + ISSUING_LIFE - HOUR
    assert AUTHORITY.sign(make_request(new_key()), AGENT, now=late).ends == NOW + ISSUING_LIFE
    old = make_issuing(root := make_root(NOW), NOW + ROOT_LIFE - HOUR)
    assert old.certificate.not_valid_after_utc == root.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (NOW + ISSUING_LIFE, "the authority's issuing certificate expired at"),
        (NOW - 2 * HOUR, "issuing certificate counts from"),
    ],
)
def test_nothing_is_signed_out_of_the_authoritys_time(then: object, told: str) -> None:
    with pytest.raises(StateError, match=told):
        AUTHORITY.sign(make_request(new_key()), AGENT, now=then)  # type: ignore[arg-type]


def test_a_passport_is_made_for_as_long_as_its_member_needs_it() -> None:
    lives = {member: AUTHORITY.passport(member, now=NOW).certificate for member in (AGENT, ADMIN, SERVER)}
    ends = {member: found.not_valid_after_utc - NOW for member, found in lives.items()}
    assert ends == {AGENT: LEAF_LIFE, ADMIN: ADMIN_LIFE, SERVER: LEAF_LIFE}
    assert AUTHORITY.passport(ADMIN, now=NOW, life=HOUR).ends == NOW + HOUR


def test_a_server_is_for_names_and_addresses() -> None:
    passport = AUTHORITY.passport(SERVER, names=("Orchestrator.example.org", "192.0.2.7", "::1"), now=NOW)
    names = passport.certificate.extensions.get_extension_for_class(SAN).value
    assert names.get_values_for_type(x509.DNSName) == ["orchestrator.example.org"]
    assert [str(item) for item in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "::1"]
    assert passport.member == SERVER


@pytest.mark.parametrize("name", ["", "https://a.test", "a..test", "*.test", "a.test:8443", "-a.test", "a" * 254])
def test_what_is_no_host_name_is_not_signed(name: str) -> None:
    with pytest.raises(InputError, match="neither a host name nor an address"):
        AUTHORITY.passport(SERVER, names=(name,), now=NOW)


def test_a_passport_comes_back_as_it_was_written() -> None:
    passport = AUTHORITY.passport(AGENT, now=NOW)
    content = passport.content()
    assert read_passport(content.reveal()) == passport
    assert passport.trusted == (AUTHORITY.fingerprint,)
    assert "PRIVATE" not in repr(passport)
    assert passport.key.text().splitlines()[1] not in repr(AUTHORITY)


def test_a_passport_ends_with_the_first_certificate_of_its_chain() -> None:
    then = NOW + ISSUING_LIFE - HOUR
    assert AUTHORITY.passport(AGENT, now=then).ends == NOW + ISSUING_LIFE


def test_parts_that_do_not_fit_together_are_no_passport() -> None:
    key, other = new_key(), new_authority(NOW)
    issued = AUTHORITY.sign(make_request(key), AGENT, now=NOW)
    assert make_passport(key, issued.chain, issued.roots).member == AGENT
    wrong = {
        "of another key": (new_key(), issued.chain, issued.roots),
        "another authority": (key, issued.chain, other.bundle),
        "lacks a certificate, or a root": (key, issued.chain, issued.chain),
        "names no member": (key, as_pem((without_names(key), AUTHORITY.issuing.certificate)), issued.roots),
    }
    for told, parts in wrong.items():
        with pytest.raises(ValueError, match=told):
            make_passport(*parts)
    with pytest.raises(ValueError, match="lacks a certificate"):
        read_passport(AUTHORITY.passport(AGENT, now=NOW).key.reveal() + issued.roots)


def without_names(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """By our issuing certificate, for nobody."""
    issuer = AUTHORITY.issuing
    made = x509.CertificateBuilder(
        issuer.certificate.subject, x509.Name([]), key.public_key(), 7, NOW, NOW + timedelta(hours=1)
    )
    return made.sign(issuer.key, hashes.SHA256())


def test_only_a_p_256_key_is_read() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(ValueError, match="of another kind than P-256"):
        read_key(Secret(other))
    with pytest.raises(ValueError, match="has no usable key"):
        read_key(Secret(b"hello"))


def test_a_chain_leads_to_the_root_that_signed_it_alone() -> None:
    leaf = AUTHORITY.passport(AGENT, now=NOW).chain
    other = new_authority(NOW)
    assert leads_to(leaf, AUTHORITY.roots)
    assert leads_to(leaf, (other.root, AUTHORITY.root))
    assert not leads_to(leaf, other.roots)
    assert not leads_to((), AUTHORITY.roots)
    assert not leads_to((leaf[0], other.issuing.certificate), AUTHORITY.roots + other.roots)
    assert is_root(AUTHORITY.root)
    assert not is_root(AUTHORITY.issuing.certificate)
    assert not is_root(leaf[0])
    assert not is_root(without_names(new_key()))


def test_a_fingerprint_is_what_openssl_shows() -> None:
    assert fingerprint(AUTHORITY.root) == AUTHORITY.root.fingerprint(hashes.SHA256()).hex()
    assert AUTHORITY.fingerprint == fingerprint(AUTHORITY.root)
