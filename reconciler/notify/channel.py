"""Channel: one way out to a person, and why a message did not get there."""

from __future__ import annotations

from typing import Literal, Protocol

from reconciler.notify.wording import Letter

ChannelType = Literal["webhook", "apprise"]


class Undelivered(Exception):
    """Why; without address or secret. ``lasting``: to try the same again at once is no use. ``retry_after``:
    seconds that the receiver asked for.
    """

    def __init__(self, reason: str, *, lasting: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.lasting = lasting
        self.retry_after = retry_after


class Channel(Protocol):
    """Brings letters. ``name`` is the operator's."""

    @property
    def name(self) -> str: ...

    @property
    def type(self) -> ChannelType: ...

    async def send(self, letter: Letter) -> None:
        """Try once, within a time of its own. Raises Undelivered."""
