"""The notifier: tells each channel what it is to be told, beside everything else, for as long as the program runs.

One task follows what is so; one task for each channel brings what differs from what that channel was told. Decides
when a letter is tried again and when it is given up; what is told is decided in ``core.telling``.

Invariants: nothing waits for it, and whatever happens in it ends no other task. A channel has one letter on its
way. What a channel was told is noted after it was delivered; where that cannot be written it is kept in memory and
written later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from reconciler.core.notice import Subject, View
from reconciler.core.telling import Message, Patience, Seen, Told, follow, messages
from reconciler.errors import StateError
from reconciler.notify.channel import Channel, ChannelType, Undelivered
from reconciler.notify.wording import letter

EVERY_S: Final = 1.0
TRIES: Final = 4
REST: Final = 4
"""The pause after letters that were given up, one after another, is that after so many failures more."""

MOST_GIVEN_UP: Final = 100

Result = Literal["sent", "failed", "dropped"]

# The standard library's: the command that tries a channel does not load structlog for it.
log = logging.getLogger("reconciler")


class Memory(Protocol):
    """Where is kept what channels were told."""

    @property
    def owner(self) -> str: ...

    def told(self, channel: str) -> Mapping[Subject, Told]: ...

    def note_told(self, channel: str, told: Told) -> None: ...

    def note_channel(self, channel: str, problem: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the notifier needs of the program. ``backoff`` gives seconds after so many failures; ``count`` is told
    of every letter's end.
    """

    host: str
    view: Callable[[], View]
    memory: Memory
    patience: Patience
    clock: Callable[[], float]
    backoff: Callable[[int], float]
    count: Callable[[ChannelType, Result], None]
    every_s: float = EVERY_S


@dataclass(slots=True, kw_only=True)
class Desk:
    """What stands beside one channel."""

    channel: Channel
    told: dict[Subject, Told] = field(default_factory=dict)
    unnoted: dict[Subject, Told] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    given_up: list[str] = field(default_factory=list)
    """Ids of letters since the last that was delivered: the others have their turn first."""
    failures: int = 0
    """How often letters were given up since then."""

    problem: str | None = None
    """Why the last letter was given up; "" when it was delivered, None while there was none."""

    noted: str | None = None
    """What of it stands in the history."""

    def next_of(self, pending: Sequence[Message]) -> Message:
        """A letter that a receiver does not take must not keep all others from it."""
        return min(pending, key=lambda message: self._turn(message.id))

    def _turn(self, message_id: str) -> int:
        return self.given_up.index(message_id) if message_id in self.given_up else -1


class Notifier:
    """Runs until it is cancelled."""

    def __init__(self, channels: tuple[Channel, ...], around: Surroundings) -> None:
        self._around = around
        self._desks = tuple(Desk(channel=channel) for channel in channels)
        self._seen: Mapping[Subject, Seen] = {}

    async def run(self) -> None:
        """Tell what is to be told. A bug in here is told in the log, and ends nothing else."""
        if not self._desks:
            return
        try:
            await self._remember()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                for desk in self._desks:
                    tasks.create_task(self._serve(desk))
        except Exception:
            log.exception("notifications have ended in a bug; please report it")

    async def _remember(self) -> None:
        for desk in self._desks:
            try:
                told = await asyncio.to_thread(self._around.memory.told, desk.channel.name)
            except StateError as error:
                log.warning("what was told before is not known", extra={"error": str(error)})
                told = {}
            desk.told.update(told)

    async def _follow(self) -> None:
        while True:
            told = {subject for desk in self._desks for subject, item in desk.told.items() if item.condition}
            self._seen = follow(self._seen, self._around.view(), self._around.clock(), told=told)
            for desk in self._desks:
                self._count_dropped(desk)
            await asyncio.sleep(self._around.every_s)

    def _count_dropped(self, desk: Desk) -> None:
        """What waited for this channel and is no longer so was never told."""
        now = {message.id for message in self._messages(desk)}
        for _ in desk.waiting - now:
            self._around.count(desk.channel.type, "dropped")
        desk.waiting = frozenset(now)

    def _messages(self, desk: Desk) -> tuple[Message, ...]:
        around = self._around
        channel = f"{around.memory.owner}/{desk.channel.name}"
        found = messages(self._seen, desk.told, around.clock(), patience=around.patience, channel=channel)
        return tuple(found)

    async def _serve(self, desk: Desk) -> None:
        while True:
            await self._note(desk)
            pending = self._messages(desk)
            if not pending:
                await asyncio.sleep(self._around.every_s)
                continue
            await self._bring(desk, desk.next_of(pending))
            if desk.failures:
                await asyncio.sleep(self._around.backoff(REST + desk.failures))

    async def _bring(self, desk: Desk, message: Message) -> None:
        """Try as often as is reasonable. What is no longer so is not told."""
        failures = 0
        while True:
            at = self._around.clock()
            try:
                await desk.channel.send(letter(message, host=self._around.host, at=at))
            except Undelivered as error:
                failures += 1
                if error.lasting or failures == TRIES:
                    self._failed(desk, message, error)
                    return
                wait = error.retry_after
                await asyncio.sleep(self._around.backoff(failures) if wait is None else wait)
                if message.id not in {item.id for item in self._messages(desk)}:
                    return
            else:
                self._sent(desk, message, at)
                return

    def _sent(self, desk: Desk, message: Message, at: float) -> None:
        self._around.count(desk.channel.type, "sent")
        desk.waiting -= {message.id}
        desk.told[message.subject] = desk.unnoted[message.subject] = message.delivered(at)
        if desk.failures:
            log.info("a channel of notifications delivers again", extra={"channel": desk.channel.name})
        desk.failures, desk.problem = 0, ""
        desk.given_up.clear()

    def _failed(self, desk: Desk, message: Message, error: Undelivered) -> None:
        self._around.count(desk.channel.type, "failed")
        if not desk.failures:
            told = {"channel": desk.channel.name, "type": desk.channel.type, "error": str(error)}
            log.warning("a channel of notifications does not deliver", extra=told)
        desk.failures, desk.problem = desk.failures + 1, str(error)
        desk.given_up = [*(item for item in desk.given_up if item != message.id), message.id][-MOST_GIVEN_UP:]

    async def _note(self, desk: Desk) -> None:
        """Write down what was told, which the next start may need, and whether the channel delivers; what cannot
        be written is offered again.
        """
        if not await self._noted(desk):
            return  # the controller itself says that its state cannot be written
        for subject, told in tuple(desk.unnoted.items()):
            try:
                await asyncio.to_thread(self._around.memory.note_told, desk.channel.name, told)
            except StateError:
                return
            del desk.unnoted[subject]

    async def _noted(self, desk: Desk) -> bool:
        """Whether it stands in the history that the channel delivers, or not."""
        if desk.problem is None or desk.problem == desk.noted:
            return True
        try:
            await asyncio.to_thread(self._around.memory.note_channel, desk.channel.name, desk.problem)
        except StateError:
            return False
        desk.noted = desk.problem
        return True
