"""A signature and what it says: the payload that was signed, and the forms in which both are kept in files. Pure.

A payload is "simple signing" (Red Hat's ``containers-signature.5``, and ``specs/SIGNATURE_SPEC.md`` of
github.com/sigstore/cosign): JSON that names a repository and a manifest's digest. In files a signature is a line
as ``cosign download signature`` prints it: a JSON object with ``Base64Signature`` and ``Payload`` (in base64).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.repository import full_name

KIND: Final = "cosign container image signature"
PAYLOAD_LIMIT: Final = 64 << 10
"""Bytes; a payload has a few hundred, and what its author adds."""

MOST: Final = 100
"""Signatures of one image that are looked at."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Bytes that were signed, and the signature over them. Whose it is, and of what, has still to be seen."""

    payload: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a payload says: that this repository's image has this digest. The repository is a full name."""

    repository: tuple[str, ...]
    digest: str

    def __str__(self) -> str:
        return f"{'/'.join(self.repository)}@{self.digest}"


def read_claim(payload: bytes) -> Claim | None:
    """What the payload says, None where it is of another sort."""
    critical = mapping(json_object(payload).get("critical"))
    reference = mapping(critical.get("identity")).get("docker-reference")
    digest = mapping(critical.get("image")).get("docker-manifest-digest")
    if critical.get("type") != KIND or not isinstance(reference, str) or not isinstance(digest, str):
        return None
    return Claim(full_name(_without_tag(reference)), digest)


def read_lines(text: bytes) -> tuple[Signature, ...]:
    """The signatures of a file; lines of another sort are left out."""
    found = (_signature(line) for line in text.splitlines())
    return tuple(item for item in found if item is not None)[:MOST]


def as_lines(signatures: Iterable[Signature]) -> bytes:
    """The content of a file."""
    return b"".join(_line(item) for item in signatures)


def decoded(text: str | bytes) -> bytes | None:
    """The bytes of a base64 text, None where it is none."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def holds(index: bytes, digest: str) -> bool:
    """Whether this index names that manifest."""
    return any(digest == item for item, _ in _entries(index))


def _entries(index: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Digest and platform of what an index names (OCI image specification, ``image-index.md``)."""
    manifests = json_object(index).get("manifests")
    for entry in manifests if isinstance(manifests, list) else ():
        digest = mapping(entry).get("digest")
        if isinstance(digest, str):
            yield digest, mapping(entry.get("platform"))


def _signature(line: bytes) -> Signature | None:
    found = json_object(line)
    value, payload = found.get("Base64Signature"), found.get("Payload")
    if not isinstance(value, str) or not isinstance(payload, str):
        return None
    signature, signed = decoded(value), decoded(payload)
    return Signature(signed, signature) if signature and signed else None


def _line(signature: Signature) -> bytes:
    content = {
        "Base64Signature": base64.b64encode(signature.value).decode(),
        "Payload": base64.b64encode(signature.payload).decode(),
    }
    return json.dumps(content).encode() + b"\n"


def _without_tag(reference: str) -> str:
    """The repository of a reference; a colon before the last slash is of a port."""
    head, slash, last = reference.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def json_object(text: bytes) -> Mapping[str, Any]:
    """A JSON object; an empty one where it is something else."""
    try:
        return mapping(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping where it is something else."""
    return value if isinstance(value, Mapping) else {}
