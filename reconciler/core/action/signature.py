"""The Action on signatures of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.action.base import Action
from reconciler.core.image import ImageReference
from reconciler.core.signing import SignatureRule


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySignature(Action):
    """Check that the image is signed as ``rule`` wants it. Changes nothing on the host; what proves it is kept
    beside the history, so that it can be checked again without the registry.
    """

    kind: ClassVar[str] = "verify-signature"
    image: ImageReference
    rule: SignatureRule

    @property
    def target(self) -> str:
        return str(self.image)
