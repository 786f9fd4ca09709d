"""What the orchestrator's store promises, whatever database is under it. SQLite is the one that there is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from reconciler.core.member import Member, Role
from reconciler.errors import NotKnown, RequestConflict, RequestStale, StateDamaged, StateError
from reconciler.orchestrator.store import agents, assignments, documents, events, invitations, logs, tasks
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.tables import metadata
from reconciler.protocol import states
from reconciler.protocol.message.common import CredentialsBinding, SealedCredentials
from reconciler.protocol.message.document import AssignedDocument, version_of
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.session.events import Logged
from reconciler.tls.join_token import Invitation
from tests.protocol.makers import ALICE, uid
from tests.protocol.makers import START as NOW
from tests.protocol.makers import task as make_task

HOUR = timedelta(hours=1)
Open = Callable[[], Database]


@pytest.fixture(params=["sqlite"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again and again."""
    opened: list[Database] = []

    def make() -> Database:
        opened.append(Database(tmp_path / "store.db"))
        return opened[-1]

    yield make
    for item in opened:
        item.close()


@pytest.fixture
def store(open_store: Open) -> Database:
    return open_store()


def asked(number: int, **options: object) -> AgentTask:
    return make_task(number, **options)  # type: ignore[arg-type]


def enroll(on: Connection, name: str = "host-a") -> None:
    papers = agents.Papers(sealing_key="a2V5", certificate_ends=NOW + HOUR)
    agents.enrolled(on, name, papers, labels={}, now=NOW)


def _enrolled(on: Connection) -> tuple[str]:
    """Enrolls one, and names another."""
    enroll(on)
    return ("nobody",)


def kept_invitation(digest: str = "d" * 64) -> invitations.Kept:
    made = Invitation(digest=digest, target="host-a", expires=NOW + HOUR)
    return invitations.Kept(id=uid(1), invitation=made, labels={}, created_at=NOW, used_at=None, actor="user:ada")


def test_what_the_migrations_make_is_what_the_program_knows(store: Database) -> None:
    with store.read() as on:
        assert compare_metadata(MigrationContext.configure(on), metadata) == []


def test_what_was_written_is_there_when_it_is_opened_again(open_store: Open) -> None:
    with open_store().write() as on:
        enroll(on)
    with open_store().read() as on:
        assert [item.name for item in agents.every(on)] == ["host-a"]


def test_a_transaction_happens_whole_or_not_at_all(store: Database) -> None:
    with pytest.raises(NotKnown), store.write() as on:
        agents.change(on, *_enrolled(on), drained=True)
    with store.read() as on:
        assert agents.every(on) == []


def test_a_reader_sees_one_moment_while_others_write(store: Database) -> None:
    with store.read() as reading:
        assert agents.every(reading) == []
        with store.write() as on:
            enroll(on)
        assert agents.every(reading) == []


def test_an_invitation_is_used_for_one_key_whoever_is_quicker(store: Database) -> None:
    with store.write() as on:
        invitations.add(on, kept_invitation())
    won: list[str] = []

    def use(key: str) -> None:
        with store.write() as on:
            if invitations.use(on, "d" * 64, key=key, now=NOW):
                won.append(key)

    threads = [threading.Thread(target=use, args=(f"key-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    with store.write() as on:
        assert invitations.use(on, "d" * 64, key=won[0], now=NOW), "who asks again is answered again"


def test_a_withdrawn_invitation_is_gone_and_one_that_never_was_is_told(store: Database) -> None:
    with store.write() as on:
        invitations.add(on, kept_invitation())
        invitations.withdraw(on, uid(1))
        assert invitations.find(on, "d" * 64) is None
    with pytest.raises(NotKnown), store.write() as on:
        invitations.withdraw(on, uid(1))


def test_an_agent_that_joins_anew_keeps_what_an_operator_said_and_is_not_revoked(store: Database) -> None:
    with store.write() as on:
        enroll(on)
        agents.change(on, "host-a", drained=True, labels={"region": "south"})
        agents.revoke(on, "host-a", now=NOW)
        enroll(on)
        found = agents.find(on, "host-a")
    assert (found.drained, found.labels, found.revoked_at) == (True, {"region": "south"}, None)


def test_a_denial_only_moves_forward(store: Database) -> None:
    member = Member(Role.AGENT, "host-a")
    with store.write() as on:
        agents.deny(on, member, before=NOW)
        agents.deny(on, member, before=NOW - HOUR)
        assert agents.denied(on).members == {member: NOW}


def test_generations_only_grow_also_over_a_withdrawal_and_what_an_agent_has(store: Database) -> None:
    text = "kind: Container"
    with store.write() as on:
        first = assignments.next_generation(on, "host-a", "web")
        document = AssignedDocument(
            id="web",
            target_id="host-a",
            version=version_of(text),
            generation=first,
            text=text,
            issued_at=NOW,
            actor=ALICE,
        )
        assignments.assign(on, document)
        assert assignments.of_target(on, "host-a") == {"web": document}
        assignments.withdraw(on, "host-a", "web")
        assert assignments.of_target(on, "host-a") == {}
        assert assignments.next_generation(on, "host-a", "web") == first + 1
        assignments.heard_of(on, "host-a", "web", 9)
        assignments.heard_of(on, "host-a", "web", 3)
        assert assignments.next_generation(on, "host-a", "web") == 10
        assert assignments.next_generation(on, "host-b", "web") == 1


def test_the_same_key_is_the_same_task_and_another_request_a_conflict(store: Database) -> None:
    task = asked(1)
    with store.write() as on:
        first = tasks.add(on, task, now=NOW)
        again = tasks.add(on, replace(task, id=uid(7)), now=NOW)
        assert again == first
    with pytest.raises(RequestConflict), store.write() as on:
        tasks.add(on, replace(task, id=uid(7), timeout_seconds=task.timeout_seconds + 1), now=NOW)


def test_open_tasks_come_by_what_is_begun_then_priority_then_age(store: Database) -> None:
    with store.write() as on:
        for number, priority in enumerate(("low", "normal", "critical", "normal"), start=1):
            tasks.add(on, asked(number, priority=priority), now=NOW)
        begun = tasks.find(on, uid(1))
        tasks.advance(on, begun, states.assigned(begun.record, NOW, HOUR), now=NOW)
        found = [item.task.id for item in tasks.open_of(on, begun.task.target_id, 10)]
    assert found == [uid(1), uid(3), uid(2), uid(4)]


def test_credentials_are_kept_no_longer_than_their_task(store: Database) -> None:
    binding = CredentialsBinding(agent="host-a", task=uid(1), generation=1, expires=1)
    sealed = SealedCredentials(version=1, binding=binding, key="k", ciphertext="AAAA")
    with store.write() as on:
        kept = tasks.add(on, asked(1), now=NOW)
        tasks.seal(on, uid(1), sealed)
        assert tasks.sealed_of(on, uid(1)) == sealed
        tasks.advance(on, kept, states.cancelled(kept.record), now=NOW)
        assert tasks.sealed_of(on, uid(1)) is None
        assert tasks.find(on, uid(1)).completed_at == NOW


def said(text: str, number: int, *, attempt: int = 1, last: bool = False, dropped: int = 0) -> Logged:
    return Logged(uid(1), attempt, text, next=number + 1, dropped_chunks=dropped, last=last)


def test_what_a_task_said_is_read_from_a_cursor_on_and_a_later_attempt_begins_anew(store: Database) -> None:
    with store.write() as on:
        tasks.add(on, asked(1), now=NOW)
        logs.keep(on, said("lost", 0))
        logs.keep(on, said("one ", 0, attempt=2))
        logs.keep(on, said("two", 3, attempt=2, dropped=2, last=True))
        assert logs.read(on, uid(1)) == logs.Piece("one two", 2, complete=True, dropped=2)
        assert logs.read(on, uid(1), begin=1) == logs.Piece("two", 2, complete=True, dropped=2)
        assert logs.read(on, uid(2)) == logs.Piece("", 0, complete=False, dropped=0)


def test_no_more_is_kept_of_what_a_task_said_than_its_bound(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "KEPT_BYTES", 10)
    with store.write() as on:
        tasks.add(on, asked(1), now=NOW)
        for number, text in enumerate(("12345", "6789", "too much", "more")):
            logs.keep(on, said(text, number, last=number == 3))
        assert logs.read(on, uid(1)) == logs.Piece("123456789[…] ", 3, complete=True, dropped=2)


def test_times_come_back_to_the_microsecond(store: Database) -> None:
    at = datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)
    with store.write() as on:
        events.add(on, events.FleetEvent(at, "ada", "looked", "host-a", "x" * 5000))
    with store.read() as on:
        (found,) = events.newest(on)
    assert (found.at, len(found.detail)) == (at, events.LONGEST)


def test_a_database_of_a_newer_program_is_not_touched(open_store: Open) -> None:
    made = open_store()
    with closing(sqlite3.connect(made.path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    with pytest.raises(StateError, match="another version of the orchestrator"):
        open_store()


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database at all, and longer than a header would be" * 100)
    with pytest.raises(StateDamaged, match="is damaged"):
        Database(path)


def test_nobody_else_can_read_the_database(store: Database) -> None:
    with store.write() as on:
        enroll(on)
    assert {item.stat().st_mode & 0o777 for item in store.path.parent.glob("store.db*")} == {0o600}


def put(on: Connection, text: str, expected: int | None) -> documents.Kept:
    return documents.put(on, "web", text, expected=expected, actor="ada", now=NOW)


def test_a_document_is_changed_only_in_the_revision_that_was_looked_at(store: Database) -> None:
    with store.write() as on:
        assert put(on, "one", None).revision == 1
        assert put(on, "two", 1).revision == 2
        for expected, error in ((None, RequestConflict), (1, RequestStale), (3, RequestStale)):
            with pytest.raises(error, match="revision 2"):
                put(on, "lost", expected)
        assert put(on, "three", documents.ANY).revision == 3
    with store.read() as on:
        (kept,) = documents.every(on)
    assert (kept.text, kept.revision, kept.changed_at, kept.file) == ("three", 3, NOW, "api/web")


def test_a_revision_never_comes_again_after_a_deletion(store: Database) -> None:
    with store.write() as on:
        put(on, "one", None)
        with pytest.raises(RequestConflict):
            documents.remove(on, "web", expected=None, actor="ada", now=NOW)
        documents.remove(on, "web", expected=1, actor="ada", now=NOW)
        assert documents.every(on) == []
        with pytest.raises(NotKnown):
            documents.remove(on, "web", expected=2, actor="ada", now=NOW)
        with pytest.raises(RequestStale, match="not there to be changed"):
            put(on, "two", 2)
        assert put(on, "two", None).revision == 3


def test_a_store_of_the_first_version_is_migrated_with_what_is_in_it(
    store: Database, open_store: Open, tmp_path: Path
) -> None:
    with store.write() as on:
        enroll(on)
        for table in ("documents", "rollouts"):
            on.exec_driver_sql(f"DROP TABLE {table}")
        on.exec_driver_sql("ALTER TABLE assignments DROP COLUMN former")
        for column in ("shown_issuer", "shown_made"):
            on.exec_driver_sql(f"ALTER TABLE agents DROP COLUMN {column}")
        on.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store.close()
    again = open_store()
    with again.write() as on:
        assert put(on, "one", None).revision == 1
        assert [item.name for item in agents.every(on)] == ["host-a"]
