"""Is an image signed as the host's policy wants it? Implements ``core.interfaces.Signatures``.

A signature counts where one of the rule's keys made it, and its payload names exactly this repository and
digest. It may be of the digest that is wanted; of an index that holds it, where the engine knows the image by that
as well; or, where an index is wanted, of each manifest in it that an engine of this platform may take. What holds
what is read from the manifests themselves, whose bytes have the digests that were asked for.

What is near is asked first: our copies, then the rule's folder; the registry only where these do not suffice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.image import ImageReference
from reconciler.core.interfaces import ImageRegistry
from reconciler.core.observation import EngineFacts, ImageFacts
from reconciler.core.repository import full_name
from reconciler.core.signing import PublicKey, SignatureRule
from reconciler.errors import SignatureRefused
from reconciler.signatures.copies import Copies
from reconciler.signatures.keys import signed_by
from reconciler.signatures.payload import Claim, Signature, holds, read_claim
from reconciler.signatures.platforms import digests_for
from reconciler.signatures.sources import FolderSource, RegistrySource, Source


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that counts, and what it was found to be: of which image, by which key."""

    image: ImageReference
    signature: Signature
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Proof:
    """What an image was accepted for. ``index`` is one that it rests on, with its bytes."""

    signed: tuple[Signed, ...]
    index: tuple[ImageReference, bytes] | None = None


class SignatureCheck:
    """``folder`` is where copies are kept."""

    def __init__(self, registry: ImageRegistry, folder: Path) -> None:
        self._registry = RegistrySource(registry)
        self._copies = Copies(folder)

    def check(
        self, image: ImageReference, rule: SignatureRule, *, facts: ImageFacts | None, engine: EngineFacts
    ) -> str:
        """Who signed it. See ``core.interfaces.Signatures``; also raises StateUnwritable for the copies."""
        near = (self._copies, *((FolderSource(Path(rule.offline)),) if rule.offline else ()))
        others = _other_digests(image, facts)
        platform = (engine.os, engine.architecture)
        proof = _Look(near, rule).proof(image, others, platform)
        if proof is None:
            look = _Look((*near, self._registry), rule)
            proof = look.proof(image, others, platform)
            if proof is None:
                raise look.refusal(image)
        self._keep(proof)
        return "signed by " + ", ".join(dict.fromkeys(str(item.key) for item in proof.signed))

    def _keep(self, proof: Proof) -> None:
        for item in proof.signed:
            self._copies.keep(item.image, item.signature)
        if proof.index is not None:
            self._copies.keep_index(*proof.index)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at some sources, for one rule. ``found`` says of what was seen why it did not count."""

    sources: Sequence[Source]
    rule: SignatureRule
    found: list[str] = field(default_factory=list)

    def proof(
        self, image: ImageReference, others: Sequence[ImageReference], platform: tuple[str, str]
    ) -> Proof | None:
        """What the image can be accepted for; None where it cannot."""
        itself = self._signed(image)
        if itself is not None:
            return Proof((itself,))
        return self._by_index(image, others) or self._by_platform(image, platform)

    def refusal(self, image: ImageReference) -> SignatureRefused:
        """Why it was not accepted."""
        places = " or ".join(source.name for source in self.sources)
        keys = ", ".join(map(str, self.rule.keys))
        seen = "; ".join(dict.fromkeys(self.found)) or f"it has no signature in {places}"
        return SignatureRefused(
            f"{image.short} is not signed as the host's policy wants images of {self.rule.prefix} signed, "
            f"by {keys}: {seen}",
            hint="sign it, or see `reconciler allow --help`",
        )

    def _by_index(self, image: ImageReference, others: Sequence[ImageReference]) -> Proof | None:
        for index in others:
            content = self._index(index)
            if content is None or not holds(content, image.digest):
                continue
            signed = self._signed(index)
            if signed is not None:
                return Proof((signed,), (index, content))
        return None

    def _by_platform(self, image: ImageReference, platform: tuple[str, str]) -> Proof | None:
        content = self._index(image)
        if content is None:
            return None
        digests = digests_for(content, os=platform[0], architecture=platform[1])
        signed = [self._signed(ImageReference(image.repository, digest)) for digest in digests]
        good = tuple(item for item in signed if item is not None)
        return Proof(good, (image, content)) if good and len(good) == len(signed) else None

    def _index(self, image: ImageReference) -> bytes | None:
        found = (source.index(image) for source in self.sources)
        return next((content for content in found if content is not None), None)

    def _signed(self, image: ImageReference) -> Signed | None:
        for source in self.sources:
            for signature in source.signatures(image):
                key = self._counts(image, signature)
                if key is not None:
                    return Signed(image, signature, key)
        return None

    def _counts(self, image: ImageReference, signature: Signature) -> PublicKey | None:
        key = next((key for key in self.rule.keys if signed_by(key, signature)), None)
        if key is None:
            self.found.append("a signature is by another key, or its payload was replaced")
            return None
        claim = read_claim(signature.payload)
        if claim != Claim(full_name(image.repository), image.digest):
            self.found.append(f"a signature by {key} is of {claim or 'something else than an image'}")
            return None
        return key


def _other_digests(image: ImageReference, facts: ImageFacts | None) -> tuple[ImageReference, ...]:
    """The other digests under which the engine knows the image in this repository: an index that it came by."""
    return tuple(_same_repository(image, facts.repo_digests if facts else ()))


def _same_repository(image: ImageReference, references: Sequence[str]) -> Iterator[ImageReference]:
    for reference in references:
        repository, _, digest = reference.partition("@")
        if digest not in {"", image.digest} and full_name(repository) == full_name(image.repository):
            yield ImageReference(image.repository, digest)
