"""How an image is named: by repository and digest, never by a tag."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ImageReference:
    """Repository and digest, never a tag. ``str()`` is the canonical ``repository@digest``."""

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    @property
    def short(self) -> str:
        """For people: ``shop/web@2b1c4d5e6f70`` (last two path parts, 12 digits)."""
        return f"{'/'.join(self.repository.split('/')[-2:])}@{short_digest(self.digest)}"


def short_digest(digest: str) -> str:
    """The first 12 hex digits of a digest or id, as the Docker command line prints ids."""
    return digest.removeprefix("sha256:")[:12]
