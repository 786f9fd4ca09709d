"""A registry in memory, with the faults of real ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from reconciler.core.desired import ImageReference
from reconciler.core.observation import ImageFacts
from reconciler.errors import (
    ImageNotFound,
    ReconcilerError,
    RegistryDenied,
    RegistryUnavailable,
    VerificationFailed,
)
from tests.simulator.behaviour import Behaviour

DEFAULT_FACTS = ImageFacts(id="", architecture="amd64", command=("/bin/serve",))


@dataclass(frozen=True, slots=True)
class PublishedImage:
    """An image as the registry keeps it; ``volumes`` are the paths the image declares as volumes."""

    facts: ImageFacts
    behaviour: Behaviour
    volumes: tuple[str, ...]


@dataclass(slots=True)
class SimulatedRegistry:
    """Set ``reachable``, ``tampered``, ``denied``, ``retry_after`` and ``pull_s`` at will."""

    reachable: bool = True
    retry_after: float | None = None
    """With ``reachable`` False: what the registry asked us to wait (429 with Retry-After)."""
    pull_s: float = 0.0
    denied: set[str] = field(default_factory=set)
    tampered: set[ImageReference] = field(default_factory=set)
    images: dict[ImageReference, PublishedImage] = field(default_factory=dict)

    def publish(
        self,
        repository: str,
        facts: ImageFacts = DEFAULT_FACTS,
        *,
        behaviour: Behaviour | None = None,
        volumes: tuple[str, ...] = (),
    ) -> ImageReference:
        """A new image with the defaults in ``facts`` (its id and digests are filled in here)."""
        number = len(self.images) + 1
        reference = ImageReference(repository, _digest(f"manifest {number}"))
        filled = replace(facts, id=_digest(f"image {number}"), repo_digests=())
        self.images[reference] = PublishedImage(filled, behaviour or Behaviour(), volumes)
        return reference

    def mirror(self, reference: ImageReference, repository: str) -> ImageReference:
        """The same image, manifest and all, under another repository."""
        copy = ImageReference(repository, reference.digest)
        self.images[copy] = self.images[reference]
        return copy

    def reindex(self, reference: ImageReference) -> ImageReference:
        """An index that leads to the same image: another digest, the same image id."""
        index = ImageReference(reference.repository, _digest(f"index of {reference.digest}"))
        self.images[index] = self.images[reference]
        return index

    def fetch(self, reference: ImageReference) -> PublishedImage:
        """Raises what the engine's pull raises."""
        problem = self._problem(reference)
        if problem is not None:
            raise problem
        return self.images[reference]

    def _problem(self, reference: ImageReference) -> ReconcilerError | None:
        if not self.reachable:
            return RegistryUnavailable(f"cannot pull {reference}: no answer", retry_after=self.retry_after)
        if reference.repository in self.denied:
            return RegistryDenied(f"cannot pull {reference}: access denied")
        if reference not in self.images:
            return ImageNotFound(f"cannot pull {reference}: manifest unknown")
        if reference in self.tampered:
            return VerificationFailed(f"cannot pull {reference}: the bytes do not have this digest")
        return None


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
