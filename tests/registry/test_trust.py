"""Certificates that an engine has for a registry."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reconciler.errors import RegistryUnavailable
from reconciler.registry.trust import context_for

HOST = "registry.example.com:5000"


def certificate() -> tuple[bytes, bytes]:
    """One that signs itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "our own authority")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), private


def names(context: ssl.SSLContext) -> set[str]:
    return {str(item["subject"]) for item in context.get_ca_certs()}


def test_the_engines_authorities_for_a_registry_count_for_it_alone(tmp_path: Path) -> None:
    public, private = certificate()
    folder = tmp_path / HOST
    folder.mkdir()
    (folder / "ca.crt").write_bytes(public)
    (folder / "client.cert").write_bytes(public)
    (folder / "client.key").write_bytes(private)
    context = context_for(HOST, tmp_path)
    assert any("our own authority" in name for name in names(context))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert not any("our own authority" in name for name in names(context_for("other.example.com", tmp_path)))


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / HOST).mkdir()
    (tmp_path / HOST / "ca.crt").write_text("no certificate\n")
    with pytest.raises(RegistryUnavailable, match="cannot be used"):
        context_for(HOST, tmp_path)
