"""The notifier with a real history and real receivers: what is told, kept, tried again and given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.notice import Notice, Subject, View
from reconciler.core.secret import Secret
from reconciler.core.telling import Patience, Told
from reconciler.errors import StateUnwritable
from reconciler.history import History
from reconciler.notify.channel import Channel, ChannelType
from reconciler.notify.notifier import Memory, Notifier, Result, Surroundings
from reconciler.notify.webhook import Webhook
from tests.history.wishes import rebuild
from tests.notify.letters import status
from tests.parts.webhook import Webhook as Receiver

WEB, DB = Subject("document", "web"), Subject("document", "db")
SOON_S = 10.0


def ill(subject: Subject = WEB, mark: str = "") -> Notice:
    return Notice(subject=subject, condition="rolled-back", reason="exited with 1", mark=mark, status=status())


@dataclass
class Host:
    """What is so on the host, and the notifier of it."""

    history: Memory
    known: dict[Subject, Notice | None] = field(default_factory=dict)
    counted: list[tuple[ChannelType, Result]] = field(default_factory=list)

    def view(self) -> View:
        return View(known=self.known, present=frozenset(self.known), listed=frozenset({"document"}))

    def notifier(self, *channels: Channel) -> Notifier:
        return Notifier(
            channels,
            Surroundings(
                host="host-a",
                view=self.view,
                memory=self.history,
                patience=Patience(after_s=0, drift_after_s=0),
                clock=lambda: 1_700_000_000.0,
                backoff=lambda failures: 0.01 * failures,
                count=lambda kind, result: self.counted.append((kind, result)),
                every_s=0.01,
            ),
        )

    def count(self, result: Result) -> int:
        return self.counted.count(("webhook", result))

    @asynccontextmanager
    async def running(self, *channels: Channel) -> Any:
        task = asyncio.create_task(self.notifier(*channels).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History.open(tmp_path / "history.db", clock=lambda: 0.0, rebuild=rebuild)
    yield opened
    opened.close()


@pytest.fixture
def host(history: History) -> Host:
    return Host(history)


def hook(receiver: Receiver, name: str = "on-call") -> Webhook:
    return Webhook(name, receiver.url, lambda: Secret(b"s" * 32), within_s=0.3)


async def until(so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not so():  # noqa: ASYNC110  (what is waited for is outside)
            await asyncio.sleep(0.005)


def statuses(receiver: Receiver) -> list[str]:
    return [body["status"] for body in receiver.received]


def test_a_trouble_and_its_end_are_told_once_each(host: Host, receiver: Receiver) -> None:
    async def life() -> None:
        async with host.running(hook(receiver)):
            host.known[WEB] = ill()
            await until(lambda: receiver.received)
            await asyncio.sleep(0.1)
            host.known[WEB] = None
            await until(lambda: len(receiver.received) > 1)
            await asyncio.sleep(0.1)

    asyncio.run(life())
    assert statuses(receiver) == ["firing", "resolved"]
    assert host.counted == [("webhook", "sent")] * 2


def test_a_restart_tells_nothing_twice_and_the_end_that_came_meanwhile(host: Host, receiver: Receiver) -> None:
    async def life() -> None:
        host.known[WEB] = ill()
        async with host.running(hook(receiver)):
            await until(lambda: host.history.told("on-call"))
        async with host.running(hook(receiver)):
            await asyncio.sleep(0.1)
        assert statuses(receiver) == ["firing"]
        host.known[WEB] = None
        async with host.running(hook(receiver)):
            await until(lambda: len(receiver.received) > 1)

    asyncio.run(life())
    assert statuses(receiver) == ["firing", "resolved"]


def test_a_receiver_that_fails_is_asked_again_with_the_same_id_and_told_of_in_the_log_once(
    host: Host, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def life() -> None:
        receiver.manner = "fail"
        host.known[WEB] = ill()
        async with host.running(hook(receiver)):
            await until(lambda: host.count("failed") == 2)
            receiver.manner = "well"
            await until(lambda: host.count("sent"))
            await until(lambda: host.history.told("on-call"))

    asyncio.run(life())
    assert len({body["id"] for body in receiver.received}) == 1
    assert len(receiver.received) >= 9, "four tries for each time that it was given up"
    assert [record.message for record in caplog.records if record.name == "reconciler"] == [
        "a channel of notifications does not deliver",
        "a channel of notifications delivers again",
    ]


def test_pauses_between_tries_grow(host: Host, receiver: Receiver) -> None:
    pauses: list[int] = []

    def pause(failures: int) -> float:
        pauses.append(failures)
        return 0.01

    async def life() -> None:
        receiver.manner = "refuse"
        host.known[WEB] = ill()
        notifier = host.notifier(hook(receiver))
        notifier._around = replace(notifier._around, backoff=pause)
        task = asyncio.create_task(notifier.run())
        await until(lambda: host.count("failed") == 4)
        task.cancel()

    asyncio.run(life())
    assert pauses[:3] == [5, 6, 7]


def test_what_passed_while_nobody_took_it_is_counted_and_never_resolved(host: Host, receiver: Receiver) -> None:
    async def life() -> None:
        receiver.manner = "refuse"
        host.known[WEB] = ill()
        async with host.running(hook(receiver)):
            await until(lambda: host.count("failed"))
            host.known[WEB] = None
            await until(lambda: host.count("dropped"))
            receiver.manner = "well"
            await asyncio.sleep(0.2)

    asyncio.run(life())
    assert "resolved" not in statuses(receiver)
    assert host.count("dropped") == 1
    assert host.count("sent") == 0


def test_a_letter_that_is_not_taken_keeps_no_other_back(host: Host, receiver: Receiver) -> None:
    class Choosy(Webhook):
        async def send(self, letter: Any) -> None:
            receiver.manner = "refuse" if b'"name":"db"' in letter.body else "well"
            await super().send(letter)

    async def life() -> None:
        host.known.update({DB: ill(DB), WEB: ill()})
        async with host.running(Choosy("on-call", receiver.url, lambda: Secret(b"s" * 32))):
            await until(lambda: WEB in host.history.told("on-call"))

    asyncio.run(life())


def test_channels_do_not_wait_for_each_other(host: Host, receiver: Receiver) -> None:
    async def life() -> None:
        with Receiver() as slow:
            slow.manner = "hang"
            host.known[WEB] = ill()
            async with host.running(hook(slow, "slow"), hook(receiver)):
                await until(lambda: receiver.received)
                assert host.count("failed") == 0

    asyncio.run(life())


class Full:
    """A history that can be read and not be written, for a time."""

    owner = "o"

    def __init__(self, history: History) -> None:
        self.history = history
        self.full = True

    def told(self, channel: str) -> Mapping[Subject, Told]:
        if self.full:
            raise StateUnwritable("cannot read")
        return self.history.told(channel)

    def note_told(self, channel: str, told: Told) -> None:
        if self.full:
            raise StateUnwritable("disk full")
        self.history.note_told(channel, told)

    def note_channel(self, channel: str, problem: str) -> None:
        if self.full:
            raise StateUnwritable("disk full")
        self.history.note_channel(channel, problem)


def test_what_cannot_be_written_is_told_all_the_same_and_once_and_written_later(
    history: History, receiver: Receiver
) -> None:
    full = Full(history)
    host = Host(full)

    async def life() -> None:
        host.known[WEB] = ill()
        async with host.running(hook(receiver)):
            await until(lambda: receiver.received)
            await asyncio.sleep(0.1)
            full.full = False
            await until(lambda: history.told("on-call"))

    asyncio.run(life())
    assert statuses(receiver) == ["firing"]


def test_that_a_channel_does_not_deliver_is_kept_until_it_does(
    host: Host, history: History, receiver: Receiver
) -> None:
    async def life() -> None:
        receiver.manner = "refuse"
        host.known[WEB] = ill()
        async with host.running(hook(receiver)):
            await until(history.channel_problems)
            assert list(history.channel_problems()) == ["on-call"]
            receiver.manner = "well"
            await until(lambda: not history.channel_problems())

    asyncio.run(life())
    assert statuses(receiver)[-1] == "firing"


def test_a_bug_ends_the_notifier_alone_and_is_told(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Webhook):
        async def send(self, letter: Any) -> None:
            raise ZeroDivisionError

    async def life() -> None:
        host.known[WEB] = ill()
        await host.notifier(Broken("a", "http://127.0.0.1/", lambda: Secret(b""))).run()

    asyncio.run(life())
    assert "notifications have ended in a bug" in caplog.text


def test_without_channels_there_is_nothing_to_do(host: Host) -> None:
    asyncio.run(host.notifier().run())
    assert host.counted == []
