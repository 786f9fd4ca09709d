"""What agents cost the store: how many statements and transactions, counted, so that it stays little."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.member import Member, Role
from reconciler.errors import AccessRefused, StateError
from reconciler.orchestrator.denied import DeniedList
from reconciler.orchestrator.group_commit import GroupCommit
from reconciler.orchestrator.last_heard import LastHeard
from reconciler.orchestrator.line import LOOK_AGAIN_S, Answer
from reconciler.orchestrator.lines import Lines, moment
from reconciler.orchestrator.store import agents, events, logs, tasks
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.protocol.logs import WINDOW
from reconciler.protocol.message.common import NOTHING_HELD, Message
from reconciler.protocol.message.result import Acknowledgement, LogChunk
from reconciler.protocol.message.session import Close, DocumentReport, HeartbeatAnswer, TaskReport
from reconciler.protocol.presence import presence
from reconciler.protocol.session.events import Alive, Begin
from reconciler.protocol.wire.codec import to_json
from reconciler.protocol.wire.times import Moment
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, now, run
from tests.orchestrator.test_tasks import inspect, submit
from tests.orchestrator.unheard import counted, join, unheard
from tests.protocol.makers import task as make_task
from tests.protocol.makers import uid

WEB = DocumentReport(id="web", version=f"sha256:{'a' * 64}", phase="converged", sync="synced")


def test_a_heartbeat_that_tells_nothing_new_costs_the_store_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            await voice.hello()
            await voice.say(voice.beat(WEB))
            with counted() as asked:
                for _ in range(5):
                    step = await voice.say(voice.beat(WEB))
                    assert isinstance(step.messages[0], HeartbeatAnswer)
            assert asked.whole == (0, 0, 0)
            with counted() as asked:
                await voice.say(voice.beat(WEB, DocumentReport(id="db")))
            assert asked.whole == (2, 0, 1)

    run(scene())


def test_a_session_that_begins_again_is_read_for_once_and_writes_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            with counted() as first:
                await voice.hello()
                await voice.say(voice.beat(WEB))
            with counted() as again:
                await voice.hello()
                await voice.say(voice.beat(WEB))
            assert first.whole == (11, 2, 2)
            assert again.whole == (6, 2, 0)
            with counted() as labelled:
                await voice.hello(labels={"region": "north"})
            assert labelled.transactions["BEGIN IMMEDIATE"] == 1
            with server.database.read() as on:
                assert agents.find(on, "host-a").labels == {"region": "north"}

    run(scene())


def test_results_of_many_share_transactions(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            voices = join(server, *(f"host-{number}" for number in range(20)))
            for number, voice in enumerate(voices, start=1):
                voice.ask_for(number)
                await voice.hello()
                await voice.say(voice.beat())
            with counted() as asked:
                saying = [voice.say(voice.result(number)) for number, voice in enumerate(voices, start=1)]
                steps = await asyncio.gather(*saying)
            assert all(isinstance(step.messages[0], Acknowledgement) for step in steps)
            assert asked.whole == (20 * 4, 0, 1)
            with server.database.read() as on:
                assert tasks.counts(on) == {("inspect", "succeeded"): 20}

    run(scene())


def test_an_agent_with_many_results_waits_for_the_disk_a_few_times(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            voice.ask_for(*range(1, 31))
            await voice.hello()
            await voice.say(voice.beat())
            with counted() as asked:
                await asyncio.gather(*(voice.say(voice.result(number)) for number in range(1, 31)))
            assert asked.transactions == {"BEGIN IMMEDIATE": 1}
            with counted() as asked:
                await voice.say(voice.beat())
                await voice.say(voice.beat())
            assert asked.whole == (3, 1, 0)

    run(scene())


def test_what_an_agent_sends_while_the_disk_is_slow_is_kept_together_and_answered_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a real WebSocket; another one's transaction stands for the disk."""
    heard: list[Message] = []
    hear = Lines.hear

    async def noted(lines: Lines, agent: str, message: Message, **how: Any) -> Answer:
        answer = await hear(lines, agent, message, **how)
        heard.append(message)
        return answer

    monkeypatch.setattr(Lines, "hear", noted)

    async def scene() -> None:
        async with fleet(tmp_path, interval_s=60) as world:
            agent = Agent(world, await world.join("host-a"))
            agent.working = False
            (task,) = await submit(world, inspect())
            async with agent.streaming() as socket:
                await eventually(lambda: bool(agent.of(Begin)))
                with counted() as asked:
                    with world.server.database.write():
                        for number in range(WINDOW):
                            step = agent.session.said(task["id"], f"line {number}\n", moment())
                            await agent.send(socket, step.messages)
                        await eventually(lambda: sum(isinstance(item, LogChunk) for item in heard) == WINDOW)
                    await eventually(lambda: _said(world, task["id"]).endswith(f"line {WINDOW - 1}\n"))
                    assert asked.transactions["BEGIN IMMEDIATE"] <= WINDOW // 2

    run(scene())


def _said(world: Fleet, task: str) -> str:
    with world.server.database.read() as on:
        return logs.read(on, task).text


def test_who_waits_for_a_task_that_ended_by_time_alone_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            await voice.hello()
            await voice.say(voice.beat())
            late = make_task(1, "inspect", expires_at=now() - timedelta(hours=1))
            with server.database.write() as on:
                tasks.add(on, late, now=now())
            voice.line.news.clear()
            await server.upkeep.round()
            assert voice.line.news.is_set()
            with server.database.read() as on:
                assert tasks.find(on, late.id).record.state == "expired"

    run(scene())


def test_what_could_not_be_kept_is_not_acknowledged_then_or_later(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            voice.ask_for(1)
            await voice.hello()
            await voice.say(voice.beat())
            with closing(sqlite3.connect(server.home.database, isolation_level=None)) as beside:
                beside.execute("CREATE TRIGGER no BEFORE UPDATE ON tasks BEGIN SELECT RAISE(ABORT, 'no'); END")
                with pytest.raises(StateError):
                    await voice.say(voice.result(1))
                beside.execute("DROP TRIGGER no")
            key = voice.result(1).key
            report = TaskReport(
                task_id=uid(1), attempt=1, state="succeeded", past_no_return=True, result_digest=key.result_digest
            )
            (told,) = (await voice.say(voice.beat(reports=(report,)))).messages
            assert isinstance(told, Close)
            assert told.reason == "session-unknown"
            await voice.hello()
            (told,) = (await voice.say(voice.beat(reports=(report,)))).messages
            assert isinstance(told, HeartbeatAnswer)
            assert told.acknowledged == ()
            (told,) = (await voice.say(voice.result(1))).messages
            assert isinstance(told, Acknowledgement)
            assert told.results == (key,)

    run(scene())


def test_an_answer_that_follows_one_that_could_not_be_kept_is_not_given(tmp_path: Path) -> None:
    """The heartbeat comes while the result is on its way to the disk."""

    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            voice.ask_for(1)
            await voice.hello()
            await voice.say(voice.beat())
            with closing(sqlite3.connect(server.home.database, isolation_level=None)) as beside:
                beside.execute("CREATE TRIGGER no BEFORE UPDATE ON tasks BEGIN SELECT RAISE(ABORT, 'no'); END")
                ended = await asyncio.gather(
                    voice.say(voice.result(1)), voice.say(voice.beat(WEB)), return_exceptions=True
                )
            assert isinstance(ended[0], StateError)
            assert not isinstance(ended[1], BaseException)
            assert isinstance(ended[1].messages[0], Close)

    run(scene())


def test_what_follows_what_could_not_be_kept_is_not_kept_either(tmp_path: Path) -> None:
    """A log would have a hole in it, and its cursor would say that it has none."""

    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            voice.ask_for(1)
            await voice.hello()
            await voice.say(voice.beat())
            with closing(sqlite3.connect(server.home.database, isolation_level=None)) as beside:
                beside.execute(
                    "CREATE TRIGGER no BEFORE INSERT ON task_logs WHEN NEW.text = 'one' "
                    "BEGIN SELECT RAISE(ABORT, 'no'); END"
                )
                ended = await asyncio.gather(
                    *(voice.say(voice.piece(1, number, text)) for number, text in enumerate(("one", "two"))),
                    return_exceptions=True,
                )
                assert isinstance(ended[0], StateError)
                assert not isinstance(ended[1], BaseException)
                assert isinstance(ended[1].messages[0], Close)
                beside.execute("DROP TRIGGER no")
            await voice.hello()
            for number, text in enumerate(("one", "two")):
                (told,) = (await voice.say(voice.piece(1, number, text))).messages
                assert isinstance(told, Acknowledgement)
                assert told.logs[0].next == number + 1
            with server.database.read() as on:
                assert logs.read(on, uid(1)).text == "onetwo"

    run(scene())


def test_what_is_told_anew_while_something_else_is_on_its_way_is_kept_last(tmp_path: Path) -> None:
    """Back and forth: the first is in the store already when it is told again, the second is not yet."""
    other = DocumentReport(id="web", version=f"sha256:{'b' * 64}", phase="failed", sync="out-of-sync")

    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            await voice.hello()
            await voice.say(voice.beat())
            first = asyncio.create_task(voice.say(voice.beat(WEB)))
            await asyncio.sleep(0)
            second = asyncio.create_task(voice.say(voice.beat(other)))
            await first
            await asyncio.gather(second, voice.say(voice.beat(WEB)))
            with server.database.read() as on:
                assert agents.find(on, "host-a").documents == (to_json(WEB),)

    run(scene())


def test_works_share_a_transaction_and_one_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    def note(on: Connection, what: str) -> str:
        events.add(on, FleetEvent(now(), "somebody", what, "it"))
        if what == "bad":
            raise AccessRefused(what)
        return what

    async def scene() -> None:
        database = Database(tmp_path / "store.db")
        commits = GroupCommit(database)

        def asked(what: str) -> asyncio.Future[str]:
            return commits.do(lambda on: note(on, what))

        with counted() as few:
            ended = await asyncio.gather(*(asked(f"number-{number}") for number in range(50)))
        assert ended == [f"number-{number}" for number in range(50)]
        assert few.transactions == {"BEGIN IMMEDIATE": 1}
        mixed = await asyncio.gather(*map(asked, ("one", "bad", "two")), return_exceptions=True)
        assert isinstance(mixed[1], AccessRefused)
        forgotten = asked("nobody-waits")
        forgotten.cancel()
        last = asked("last")
        await commits.finish()
        assert last.done()
        with database.read() as on:
            assert [item.what for item in events.newest(on, 4)] == ["last", "nobody-waits", "two", "one"]
        database.close()

    run(scene())


def test_when_agents_were_heard_of_is_written_for_many_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            names = [f"host-{number}" for number in range(40)]
            join(server, *names)
            heard, at = LastHeard(server.database), now()
            for name in names:
                heard.note(Alive(name, NOTHING_HELD, 4, None), at)
                heard.note(Alive(name, NOTHING_HELD, 4, 7), at)
            with counted() as asked:
                await heard.finish()
                await heard.finish()
            assert asked.whole == (1, 0, 1)
            with server.database.read() as on:
                assert {(item.last_seen, item.clock_offset_ms) for item in agents.every(on)} == {(at, 7)}

    run(scene())


def test_when_agents_were_heard_of_is_written_later_where_it_could_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.orchestrator.store.database.BUSY_TIMEOUT_S", 0.05)

    async def scene() -> None:
        async with unheard(tmp_path) as server:
            join(server, "host-a")
            at = now()
            server.heard.note(Alive("host-a", NOTHING_HELD, 4, None), at)
            with server.database.write():
                await server.heard.finish()
            await server.heard.finish()
            with server.database.read() as on:
                assert agents.find(on, "host-a").last_seen == at

    run(scene())


def test_an_agent_that_was_away_counts_as_there_before_it_is_answered(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            await voice.hello()
            await voice.say(voice.beat())
            with server.database.read() as on:
                assert presence(agents.find(on, "host-a").last_seen, now()) == "online"

    run(scene())


def test_who_is_denied_is_read_again_when_anything_was_written_and_only_then(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            denied, grace = DeniedList(server.database), Member(Role.ADMIN, "grace")
            with counted() as asked:
                for _ in range(10):
                    assert not (await denied.now()).members
            assert asked.whole == (1, 1, 0)
            with closing(Database(server.home.database)) as another, another.write() as on:
                agents.deny(on, grace, before=now())
            assert grace in (await denied.now()).members
            (_,) = join(server, "host-a")
            with server.database.write() as on:
                agents.revoke(on, "host-a", now=now())
            assert Member(Role.AGENT, "host-a") in (await denied.now()).members

    run(scene())


def test_a_task_that_nobody_told_of_is_found_after_a_while(tmp_path: Path) -> None:
    async def scene() -> None:
        async with unheard(tmp_path) as server:
            (voice,) = join(server, "host-a")
            await voice.hello()
            await voice.say(voice.beat())
            voice.ask_for(1)
            voice.line._stale = False  # as if nobody had woken it
            (told,) = (await voice.say(voice.beat())).messages
            assert isinstance(told, HeartbeatAnswer)
            assert not told.assignments[0].tasks
            later = moment()
            later = Moment(later.at, later.ticks + LOOK_AGAIN_S)
            (told,) = (await voice.say(voice.beat(), later)).messages
            assert isinstance(told, HeartbeatAnswer)
            assert len(told.assignments[0].tasks) == 1

    run(scene())
