"""What the model needs of a host: one document, the deeds that can be done to it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

Deed = Literal[
    "stop",
    "kill",
    "remove",
    "pause",
    "rename",
    "memory",
    "restart-policy",
    "remove-image",
    "garble-sticker",
    "remove-sticker",
    "engine-restart",
]
"""What a person or the machine may do behind the controller's back."""

DEEDS: tuple[Deed, ...] = get_args(Deed)
Edge = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the file says: a release, whether its container ever gets healthy, one value of its configuration."""

    release: int
    good: bool = True
    level: int = 0


class Host(Protocol):
    """A host with one document and some containers of others."""

    def want(self, wish: Wish) -> None:
        """Write the file."""

    def do(self, deed: Deed) -> None:
        """What is not possible now is left."""

    def registry(self, *, away: bool) -> None:
        """The registry goes, or comes back."""

    def settle(self) -> None:
        """Let the controller work until it has nothing to do at once."""

    def settle_killed(self, number: int, edge: Edge) -> None:
        """Let it work, and die before or after its Action of this number, if it gets there."""

    def calm(self) -> None:
        """Heal everything, tell the controller to try again what it holds back, let time pass, and settle."""

    def prune(self) -> None:
        """Remove the document's file and what it has left."""

    def committed(self) -> tuple[int, int]:
        """Release that is committed, and its generation; zeros where nothing is."""

    def quarantined(self) -> bool:
        """Whether the wanted release failed and is not tried again."""

    def troubles(self) -> list[str]:
        """What the oracle finds wrong; also whether another pass would change anything."""
