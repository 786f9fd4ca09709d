"""Is the image on the host the one that was named, and can this engine run it?

Pure. The engine has verified the bytes against the digest while pulling; here we make sure that it was this
repository and this digest, that the image id has not moved since it was recorded, and that the platform fits.

Platforms are compared by operating system and architecture, the two that an engine tells of itself; it tells
no variant. What either side leaves empty is not known and not compared (imported images may state nothing).
"""

from __future__ import annotations

from reconciler.core.desired import ImageReference, short_digest
from reconciler.core.observation import EngineFacts, ImageFacts
from reconciler.errors import PlatformMismatch, VerificationFailed


def present(image: ImageReference, found: ImageFacts | None) -> bool:
    """The host has it, under exactly this repository and digest."""
    return found is not None and _familiar(image) in {_familiar_text(text) for text in found.repo_digests}


def names_same(image: ImageReference, text: str) -> bool:
    """Whether ``text`` names exactly this repository and digest, in whichever spelling."""
    return _familiar_text(text) == _familiar(image)


def verify(image: ImageReference, found: ImageFacts | None, *, image_id: str, engine: EngineFacts) -> ImageFacts:
    """``found`` if it is right: what the engine resolves ``image`` to. ``image_id`` "": none is recorded.

    Raises VerificationFailed and PlatformMismatch.
    """
    if found is None:
        raise VerificationFailed(
            f"verifying {image.short}: the host does not have it", hint="the next pass pulls it again"
        )
    if not present(image, found):
        known = ", ".join(found.repo_digests) or "none"
        raise VerificationFailed(
            f"verifying {image}: the image found under this name has other digests ({known})",
            hint="remove that image from the host, and look at the registry",
        )
    if image_id and found.id != image_id:
        raise VerificationFailed(
            f"verifying {image.short}: it is image {short_digest(found.id)} here, "
            f"but was {short_digest(image_id)} when this revision was last verified",
            hint="remove the image from the host so that it is pulled again",
        )
    _check_platform(image, found, engine)
    return found


def _check_platform(image: ImageReference, found: ImageFacts, engine: EngineFacts) -> None:
    pairs = ((found.os, engine.os), (found.architecture, engine.architecture))
    if any(theirs and ours and theirs != ours for theirs, ours in pairs):
        raise PlatformMismatch(
            f"verifying {image.short}: the image is for {found.platform}, "
            f"the engine runs {engine.os}/{engine.architecture}",
            hint="name the digest of an index that has this platform, or of the image for it",
        )


def _familiar(image: ImageReference) -> str:
    return _familiar_text(str(image))


def _familiar_text(reference: str) -> str:
    """Docker Hub's repositories have three spellings; engines answer with the shortest.

    Source: ``FamiliarName`` in github.com/distribution/reference, ``normalize.go``.
    """
    for prefix in ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/"):
        if reference.startswith(prefix):
            return reference.removeprefix(prefix)
    return reference
