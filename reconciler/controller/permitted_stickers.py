"""Stickers, where the host's policy lets the controller write.

A sticker's place is no part of a revision: a document whose release is deployed already may still be edited to
name another one. So it is asked about whenever something is to be written or removed, and links are followed just
then.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.desired import StickerPlace
from reconciler.core.interfaces import Stickers
from reconciler.core.observation import StickerReading
from reconciler.core.policy import Policy
from reconciler.core.policy_mounts import sticker_place
from reconciler.errors import StateUnwritable
from reconciler.policy_file import leads_to


class PermittedStickers:
    """``stickers`` behind the policy in force."""

    def __init__(self, stickers: Stickers, policy: Callable[[], Policy]) -> None:
        self._stickers = stickers
        self._policy = policy

    def read(self, place: StickerPlace, *, helper: str) -> StickerReading:
        """As it lies there."""
        return self._stickers.read(place, helper=helper)

    def write(self, place: StickerPlace, content: bytes, *, helper: str) -> None:
        """Raises StateUnwritable where the policy refuses it, too."""
        self._ask(place)
        self._stickers.write(place, content, helper=helper)

    def remove(self, place: StickerPlace, *, helper: str) -> None:
        """Raises StateUnwritable where the policy refuses it, too."""
        self._ask(place)
        self._stickers.remove(place, helper=helper)

    def _ask(self, place: StickerPlace) -> None:
        policy = self._policy()
        for denied in sticker_place(place, policy, leads_to((place.path,)) if place.location == "host" else {}):
            raise StateUnwritable(
                f"the host's policy refuses a sticker at {place.path} (rule {denied.rule})",
                hint=denied.allow(policy),
            )
