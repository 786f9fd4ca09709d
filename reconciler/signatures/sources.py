"""Where signatures lie: in the registry beside the image, in a folder of the operator's, in our own copies.

A source hands out what it has, unchecked: whether a signature is good is seen in ``check``. Of an index it hands
out only bytes that have the digest that was asked for.

The registry has an image's signatures under a tag made of its digest (``specs/SIGNATURE_SPEC.md`` of
github.com/sigstore/cosign). In a folder they are files in a folder named by the hex digits of the digest:

    DIGEST/NAME.json              lines as ``cosign download signature`` prints them
    DIGEST/NAME.sig, NAME.payload as ``cosign sign --output-signature --output-payload`` writes them
    DIGEST/index                  the image's index as the registry has it, where platforms are signed one by one
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from reconciler.core.image import ImageReference
from reconciler.core.interfaces import ImageRegistry
from reconciler.errors import ImageNotFound, SignatureRefused
from reconciler.signatures.payload import MOST, PAYLOAD_LIMIT, Signature, decoded, json_object, mapping, read_lines

INDEX: Final = "index"
LAYER: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION: Final = "dev.cosignproject.cosign/signature"
FILE_LIMIT: Final = 4 << 20


class Source(Protocol):
    """One place where signatures may lie."""

    name: str
    """For people, as in "none in NAME"."""

    def signatures(self, image: ImageReference) -> tuple[Signature, ...]:
        """All that it has of this image; () where it has none."""

    def index(self, image: ImageReference) -> bytes | None:
        """The manifest or index of exactly this digest."""


class RegistrySource:
    """The registry of the image itself. Raises what a registry raises when it cannot be asked."""

    name = "the registry"

    def __init__(self, registry: ImageRegistry) -> None:
        self._registry = registry

    def signatures(self, image: ImageReference) -> tuple[Signature, ...]:
        """What lies under the tag that cosign makes of the digest."""
        tag = f"{image.digest.replace(':', '-')}.sig"
        try:
            content = self._registry.manifest(image.repository, tag).content
        except ImageNotFound:
            return ()
        layers = json_object(content).get("layers")
        entries = layers[:MOST] if isinstance(layers, list) else ()
        found = (self._layer(image.repository, mapping(layer)) for layer in entries)
        return tuple(item for item in found if item is not None)

    def index(self, image: ImageReference) -> bytes | None:
        """As the registry stores it; its digest is checked there."""
        try:
            return self._registry.manifest(image.repository, image.digest).content
        except ImageNotFound:
            return None

    def _layer(self, repository: str, layer: Mapping[str, Any]) -> Signature | None:
        value = decoded(str(mapping(layer.get("annotations")).get(ANNOTATION, "")))
        if layer.get("mediaType") != LAYER or not value:
            return None
        try:
            payload = self._registry.blob(repository, str(layer.get("digest")), limit=PAYLOAD_LIMIT)
        except ImageNotFound:
            return None
        return Signature(payload, value)


class FolderSource:
    """A folder of this host. Whoever may write to it can add nothing but what somebody with the key has signed."""

    def __init__(self, path: Path, *, name: str = "") -> None:
        self.path = path
        self.name = name or str(path)

    def signatures(self, image: ImageReference) -> tuple[Signature, ...]:
        """What lies in the folder named by the digest. Raises SignatureRefused for files that cannot be
        read.
        """
        folder = self.path / hex_of(image)
        try:
            lines = [item for path in sorted(folder.glob("*.json")) for item in read_lines(_content(path))]
            return (*lines, *_pairs(folder))[:MOST]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SignatureRefused(f"the signatures in {folder} cannot be read: {error.strerror}") from error

    def index(self, image: ImageReference) -> bytes | None:
        """The file ``index``, if it has this digest."""
        try:
            content = _content(self.path / hex_of(image) / INDEX)
        except OSError:
            return None
        return content if f"sha256:{hashlib.sha256(content).hexdigest()}" == image.digest else None


def hex_of(image: ImageReference) -> str:
    """The folder's name of an image."""
    return image.digest.rpartition(":")[2]


def _pairs(folder: Path) -> Iterator[Signature]:
    for path in sorted(folder.glob("*.sig")):
        payload, value = path.with_suffix(".payload"), decoded(_content(path))
        if value and payload.is_file():
            yield Signature(_content(payload), value)


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(FILE_LIMIT)
