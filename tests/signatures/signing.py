"""Keys and signatures as cosign makes them, without cosign; a registry and folders that hold them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reconciler.core.image import ImageReference
from reconciler.core.interfaces import Manifest
from reconciler.core.signing import PublicKey
from reconciler.errors import ImageNotFound, RegistryUnavailable
from reconciler.signatures.keys import read_key
from reconciler.signatures.payload import KIND, Signature

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Signer:
    """Whoever has a private key."""

    key: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def public(self) -> PublicKey:
        return read_key("/etc/keys/a.pub", self.pem)

    def sign(self, payload: bytes) -> Signature:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return Signature(payload, self.key.sign(payload, ec.ECDSA(hashes.SHA256())))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return Signature(payload, self.key.sign(payload, padding.PKCS1v15(), hashes.SHA256()))
        return Signature(payload, self.key.sign(payload))

    def signed(self, image: ImageReference, **changes: Any) -> Signature:
        return self.sign(payload_of(image, **changes))


def payload_of(image: ImageReference, *, reference: str = "", kind: str = KIND) -> bytes:
    critical = {
        "identity": {"docker-reference": reference or image.repository},
        "image": {"docker-manifest-digest": image.digest},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def index_of(*entries: Mapping[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": list(entries)}).encode()


def for_platform(digest: str, architecture: str, variant: str = "") -> dict[str, Any]:
    platform = {"os": "linux", "architecture": architecture, **({"variant": variant} if variant else {})}
    return {"digest": digest, "platform": platform}


@dataclass
class MemoryRegistry:
    """Manifests and blobs of any repository. ``away``: it does not answer."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def manifest(self, repository: str, reference: str) -> Manifest:
        content = self._look(self.manifests, reference)
        return Manifest(digest=digest_of(content), content=content)

    def blob(self, repository: str, digest: str, *, limit: int) -> bytes:
        return self._look(self.blobs, digest)

    def add(self, image: ImageReference, *signatures: Signature) -> None:
        layers = [
            {
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": digest_of(item.payload),
                "annotations": {"dev.cosignproject.cosign/signature": base64.b64encode(item.value).decode()},
            }
            for item in signatures
        ]
        self.blobs.update({digest_of(item.payload): item.payload for item in signatures})
        self.manifests[f"{image.digest.replace(':', '-')}.sig"] = json.dumps({"layers": layers}).encode()

    def _look(self, where: Mapping[str, bytes], name: str) -> bytes:
        self.asked.append(name)
        if self.away:
            raise RegistryUnavailable("the registry is away")
        if name not in where:
            raise ImageNotFound(f"no {name}")
        return where[name]
