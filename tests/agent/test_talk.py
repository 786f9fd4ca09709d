"""The agent's talk over real sockets with real certificates, by WebSocket and by polling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.errors import AccessRefused, InputError, StateUnwritable
from reconciler.inbox.store import InboxStore
from reconciler.protocol.message.payload import InspectPayload, RollbackPayload
from reconciler.protocol.session.events import Event
from reconciler.protocol.session.work import WorkReport
from tests.agent.host import Host, comes, run
from tests.agent.orchestrator import Orchestrator, signed

TEXT = "kind: Container\n"


@pytest.fixture
def orchestrator() -> Iterator[Orchestrator]:
    made = Orchestrator().start()
    yield made
    made.close()


@pytest.fixture(params=["websocket", "polling"])
def host(tmp_path: Path, orchestrator: Orchestrator, request: pytest.FixtureRequest) -> Host:
    orchestrator.sockets = request.param == "websocket"
    made = Host(tmp_path, orchestrator, sockets=orchestrator.sockets)
    run(made.enroll())
    return made


def test_an_agent_gets_documents_and_answers_tasks(host: Host, orchestrator: Orchestrator) -> None:
    async def story() -> None:
        async with host.running():
            orchestrator.assign("web", TEXT)
            task = orchestrator.ask("inspect", InspectPayload())
            await comes(lambda: orchestrator.results.get(task.id) and "web" in host.store.wishes())
            (result,) = orchestrator.results[task.id]
            assert (result.outcome, result.agent) == ("succeeded", "host-a")
            await comes(lambda: orchestrator.texts.get(task.id) == "at work\n")
            assert host.store.wishes()["web"].text == TEXT
            orchestrator.withdraw("web")
            await comes(lambda: "web" not in host.store.wishes())

    run(story())


@pytest.mark.fault("N10")
def test_a_result_that_is_lost_is_told_again_also_after_a_restart(host: Host, orchestrator: Orchestrator) -> None:
    async def story() -> None:
        orchestrator.lose_results = True
        async with host.running():
            task = orchestrator.ask("rollback", RollbackPayload())
            await comes(lambda: orchestrator.results.get(task.id))
        orchestrator.lose_results = False
        async with host.running():
            await comes(lambda: len(orchestrator.results[task.id]) > 1)
            first, again = orchestrator.results[task.id][:2]
            assert first == again
            await comes(lambda: host.store.memory().kept.entries[0].acknowledged)
        assert host.begun == [task.id]

    run(story())


@pytest.mark.fault("N11")
def test_a_slow_orchestrator_gets_each_result_once(
    tmp_path: Path, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where most of them wait for longer than anything would be sent again."""
    monkeypatch.setattr("reconciler.protocol.session.away.FIRST_S", 0.2)
    host = Host(tmp_path, orchestrator, sockets=False)

    async def story() -> None:
        await host.enroll()
        tasks = [orchestrator.ask("inspect", InspectPayload(), document=f"web-{item}") for item in range(6)]
        async with host.running() as talk:
            await comes(talk.opened.is_set)
            orchestrator.slow_s = 0.1
            await comes(lambda: all(task.id in orchestrator.results for task in tasks), within_s=30)
            await comes(lambda: all(entry.acknowledged for entry in host.store.memory().kept.entries))
        assert [len(orchestrator.results[task.id]) for task in tasks] == [1] * 6

    run(story())


def test_many_tasks_need_few_transactions_of_a_slow_disk(
    host: Host, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepted, past the point of no return, with its result: those of one task cannot be one, those of several
    can; that a result is acknowledged goes with what comes next.
    """
    number, keep = 24, InboxStore.keep

    def slow(store: InboxStore, events: Iterable[Event]) -> None:
        time.sleep(0.03)
        keep(store, events)

    monkeypatch.setattr(InboxStore, "keep", slow)

    async def story() -> None:
        tasks = [orchestrator.ask("rollback", RollbackPayload(), document=f"web-{item}") for item in range(number)]
        async with host.running():
            commits = count_commits(host)
            await comes(lambda: all(task.id in orchestrator.results for task in tasks))
            await comes(lambda: all(entry.acknowledged for entry in host.store.memory().kept.entries))
        assert len(commits) <= number

    run(story())


def test_a_single_task_needs_four_transactions_at_most(host: Host, orchestrator: Orchestrator) -> None:
    async def story() -> None:
        async with host.running() as talk:
            await comes(talk.opened.is_set)
            await asyncio.sleep(0.1)
            commits = count_commits(host)
            orchestrator.ask("rollback", RollbackPayload())
            await comes(lambda: [item.acknowledged for item in host.store.memory().kept.entries] == [True])
        assert len(commits) <= 4

    run(story())


def count_commits(host: Host) -> list[str]:
    """Transactions of the agent's inbox from now on, each of which is on the disk when it ends."""
    found: list[str] = []
    host.store._connection.set_trace_callback(lambda said: found.append(said) if said == "COMMIT" else None)
    return found


@pytest.mark.fault("N4")
@pytest.mark.fault("N6")
def test_a_task_that_comes_again_has_one_effect_also_after_a_restart(
    host: Host, orchestrator: Orchestrator
) -> None:
    async def story() -> None:
        async with host.running():
            task = orchestrator.ask("rollback", RollbackPayload())
            await comes(lambda: orchestrator.results.get(task.id))
            orchestrator.hand_out(signed(replace(task, attempt=2), orchestrator.key))
            await comes(lambda: len(orchestrator.results[task.id]) > 1)
        async with host.running():
            orchestrator.hand_out(signed(replace(task, attempt=3), orchestrator.key))
            await comes(lambda: len(orchestrator.results[task.id]) > 2)
        assert host.begun == [task.id]
        assert {item.outcome for item in orchestrator.results[task.id]} == {"succeeded"}

    run(story())


@pytest.mark.fault("N5")
@pytest.mark.fault("N8")
def test_what_is_older_than_what_was_taken_is_refused_also_from_an_older_store(
    host: Host, orchestrator: Orchestrator
) -> None:
    async def story() -> None:
        async with host.running():
            orchestrator.assign("web", TEXT, generation=7)
            await comes(lambda: "web" in host.store.wishes())
            late = orchestrator.ask("rollback", RollbackPayload(), generation=3)
            await comes(lambda: orchestrator.results.get(late.id))
            assert orchestrator.results[late.id][0].error_type == "stale-generation"
            orchestrator.stop()
            orchestrator.forget_all()
            orchestrator.start()
            orchestrator.assign("web", "kind: Older\n", generation=2)
            await comes(lambda: (report := orchestrator.reports.get("web")) and report.refused)
            assert host.store.wishes()["web"].text == TEXT
        assert host.begun == []

    run(story())


@pytest.mark.fault("N13")
@pytest.mark.fault("X8")
def test_what_is_not_signed_not_known_or_not_allowed_is_refused(host: Host, orchestrator: Orchestrator) -> None:
    async def story() -> None:
        async with host.running():
            plain = orchestrator.ask("rollback", RollbackPayload(), sign=False)
            strange = orchestrator.ask("rollback", RollbackPayload(), must_understand=("holograms",))
            forged = signed(
                replace(plain, id=strange.id[::-1].replace("-", "0")[:8] + plain.id[8:]), orchestrator.key
            )
            other = orchestrator.ask("inspect", InspectPayload(), target_id="host-b")
            orchestrator.hand_out(replace(forged, timeout_seconds=61, idempotency_key="forged"))
            tasks = {plain.id: "policy", strange.id: "not-understood", other.id: "not-addressed"}
            await comes(lambda: all(name in orchestrator.results for name in (*tasks, forged.id)))
            found = {name: orchestrator.results[name][0].error_type for name in tasks}
            assert found == tasks
            assert orchestrator.results[forged.id][0].error_type == "signature"
        assert host.begun == []

    run(story())


def test_a_task_is_cancelled_before_its_point_of_no_return(host: Host, orchestrator: Orchestrator) -> None:
    async def story() -> None:
        host.hold = True
        async with host.running() as talk:
            task = orchestrator.ask("rollback", RollbackPayload())
            await comes(lambda: host.begun)
            orchestrator.cancel(task)
            await comes(lambda: host.stopped == [task.id])
            stop = await talk.pass_no_return(task.id)
            assert stop is not None
            assert stop.outcome == "cancelled"

    run(story())


@pytest.mark.fault("N2")
@pytest.mark.fault("N3")
def test_a_link_that_comes_and_goes_is_taken_up_again_and_tasks_end_meanwhile(
    host: Host, orchestrator: Orchestrator
) -> None:
    async def story() -> None:
        async with host.running():
            await comes(lambda: orchestrator.hellos)
            for _ in range(3):
                orchestrator.cut()
                await asyncio.sleep(0.2)
            host.hold = True
            soon = datetime.now(UTC) + timedelta(seconds=60)
            task = orchestrator.ask("rollback", RollbackPayload(), expires_at=soon)
            await comes(lambda: host.begun)
            orchestrator.stop()
            await host.talk.finished(task.id, WorkReport(outcome="succeeded"))
            assert host.store.memory().kept.entries[0].result is not None
            orchestrator.start()
            await comes(lambda: orchestrator.results.get(task.id))
        assert len({hello.instance for hello in orchestrator.hellos}) == 1

    run(story())


@pytest.mark.fault("N1")
def test_a_link_over_which_nothing_comes_is_given_up_and_begun_anew(
    host: Host, orchestrator: Orchestrator
) -> None:
    async def story() -> None:
        async with host.running():
            await comes(lambda: orchestrator.hellos and host.talk.opened.is_set())
            orchestrator.mute = True
            await comes(lambda: host.talk.why.startswith("silent"))
            orchestrator.mute = False
            task = orchestrator.ask("inspect", InspectPayload())
            await comes(lambda: orchestrator.results.get(task.id))
            assert len(orchestrator.hellos) > 1

    run(story())


def test_a_websocket_is_preferred_and_requests_are_used_where_none_is_taken(
    tmp_path: Path, orchestrator: Orchestrator
) -> None:
    async def story() -> None:
        host = Host(tmp_path, orchestrator)
        await host.enroll()
        async with host.running():
            await comes(lambda: orchestrator.by == ["websocket"])
            orchestrator.sockets = False
            orchestrator.cut()
            await comes(lambda: orchestrator.by == ["websocket", "polling"])

    run(story())


def test_a_certificate_is_renewed_and_the_new_one_takes_over_when_it_has_worked(
    tmp_path: Path, orchestrator: Orchestrator
) -> None:
    async def story() -> None:
        host = Host(tmp_path, orchestrator)
        await host.enroll()
        async with host.running():
            await comes(host.talk.opened.is_set)
            before = host.passports.current()
            await host.passports.renew()
            await comes(lambda: len(orchestrator.hellos) == 2)
            after = host.passports.current()
            assert after.certificate != before.certificate
            await comes(lambda: not (host.place.passport / "passport.next.pem").exists())
        assert orchestrator.renewals == 1

    run(story())


def test_what_cannot_be_kept_is_neither_begun_nor_answered(
    tmp_path: Path, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        host = Host(tmp_path, orchestrator)
        await host.enroll()
        async with host.running():
            await comes(host.talk.opened.is_set)
            full = StateUnwritable("could not write: the disk is full")

            def fails(_: object) -> None:
                raise full

            with monkeypatch.context() as disk:
                disk.setattr(host.store, "keep", fails)
                task = orchestrator.ask("rollback", RollbackPayload())
                await asyncio.sleep(1.5)
                assert host.begun == []
            await comes(lambda: orchestrator.results.get(task.id))
        assert host.begun == [task.id]

    run(story())


def test_who_is_not_of_this_fleet_is_refused_in_words(tmp_path: Path, orchestrator: Orchestrator) -> None:
    other = Orchestrator().start()
    host = Host(tmp_path, orchestrator)
    with pytest.raises(InputError, match="belongs to no orchestrator yet"):
        host.place.enrolment()
    host.orchestrator = other
    token = orchestrator.token()
    other.token = lambda: token  # type: ignore[method-assign]
    with pytest.raises(AccessRefused, match="not of the authority that made the join token"):
        run(host.enroll())
    other.close()
