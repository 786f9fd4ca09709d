"""A fleet as a store keeps it, without any agent that runs: some hosts are well, some are not, as in any fleet."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from reconciler import __version__
from reconciler.core.member import Member, Role
from reconciler.orchestrator.bringing import Bringing
from reconciler.orchestrator.home import Home, Reached
from reconciler.orchestrator.pages.parts import SECTIONS
from reconciler.orchestrator.pages.reading import Reading, Sources
from reconciler.orchestrator.pages.routes import FleetPages
from reconciler.orchestrator.store import agents, assignments, tasks
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.tables import agents as agents_table
from reconciler.orchestrator.wishes import Wishes, read_wishes
from reconciler.protocol.message.common import NOTHING_HELD, Actor, TaskState, TaskType
from reconciler.protocol.message.payload import InspectPayload
from reconciler.protocol.message.result import TaskMetrics, TaskResult
from reconciler.protocol.message.session import Hello
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.states import TaskRecord
from reconciler.sealing.release_keys import release_key
from reconciler.web.assets import load_assets
from reconciler.web.layout import Layout

REGIONS = ("north", "south", "coast")
DOCUMENT = """\
apiVersion: stella/v1
kind: Container
metadata: {{name: {name}}}
spec:
  {more}
  release: {{id: "{release}"}}
  image: registry.example.com/shop/{name}
  digest: sha256:{digest}
  config: {{environment: {{DATABASE_PASSWORD: {secret}}}}}
"""
SECRET = "not-for-anybodys-eyes"
EVERYWHERE = "targets: {matchExpressions: [{key: region, operator: Exists}]}"
IN_WAVES = (
    "targets: {matchLabels: {region: north}}\n"
    "  rollout: {strategy: canary, canaries: 1, soak: 10m, failureBudget: 0, onBreach: pause}"
)
WISHED = {
    "edge": ("4.0.2", EVERYWHERE),
    "metrics": ("1.8.0", EVERYWHERE),
    "mail": ("0.9.7", "targets: {matchLabels: {role: front}}"),
    "orders": ("5.3.0", IN_WAVES),
    "stock": ("3.1.4", "targets: {matchLabels: {region: coast}}"),
}
WELL: Mapping[str, Any] = {"phase": "converged", "sync": "synced", "health": "healthy"}
ROLLED_BACK = {
    "phase": "rolled-back",
    "sync": "out-of-sync",
    "health": "healthy",
    "reason": "wants 5.3.0, RolledBack: its health check fails",
}
DRIFTED = {"phase": "reconciling", "sync": "out-of-sync", "health": "healthy"}
HELD = {"phase": "held", "sync": "out-of-sync", "health": "healthy"}
DEGRADED = {"phase": "reconciling", "sync": "synced", "health": "degraded"}
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A store with a folder of documents. ``now``: when it was furnished."""

    home: Home
    database: Database
    wishes: Wishes
    now: datetime
    carriers: Mapping[str, str]

    def reading(self, *, kept_s: float = 0.0) -> Reading:
        return Reading(
            Sources(
                database=self.database,
                carriers=lambda: self.carriers,
                wishes=lambda: self.wishes,
                trouble=lambda: "",
                clock=time.monotonic,
                kept_s=kept_s,
            )
        )

    def pages(self) -> FleetPages:
        return FleetPages(self.reading())


LAYOUT = Layout(load_assets(), "fleet.example.com", __version__, sections=SECTIONS, first="All agents")


@contextmanager
def furnished(folder: Path, hosts: int) -> Iterator[Stage]:
    """So many hosts; with three or more, some of them are not well."""
    home, now = Home(folder / "home"), datetime.now(UTC)
    home.create(Reached(names=("fleet.example.com",)), Member(Role.ADMIN, "ada"), now=now)
    for name, (release, more) in WISHED.items() if hosts else ():
        text = DOCUMENT.format(name=name, release=release, more=more, digest="a" * 64, secret=SECRET)
        (home.desired / f"{name}.yaml").write_text(text)
    database = Database(home.database)
    try:
        wishes = read_wishes(home.desired)
        assert not hosts or wishes.whole, wishes.problems
        names = [f"host-{number:03}" for number in range(1, hosts + 1)]
        with database.write() as on:
            for number, name in enumerate(names):
                join(on, name, labels_of(number), seen=now - timedelta(seconds=2 + number % 27), now=now)
        hand_out(database, home, wishes)
        with database.write() as on:
            report_all(on, wishes)
        hand_out(database, home, wishes)
        with database.write() as on:
            report_all(on, wishes)
            if hosts >= 3:
                _trouble(on, names, now)
                _ask(on, names, now)
        hand_out(database, home, wishes)
        carriers = {name: "polling" if number % 7 == 3 else "WebSocket" for number, name in enumerate(names)}
        yield Stage(home=home, database=database, wishes=wishes, now=now, carriers=carriers)
    finally:
        database.close()


def hand_out(database: Database, home: Home, wishes: Wishes) -> None:
    """What is due now."""
    bringing = Bringing(database, release_key(home.path / "release.key"))
    while bringing.about(wishes).more:
        pass


def labels_of(number: int) -> dict[str, str]:
    """Of the host with this number."""
    labels = {"region": REGIONS[number % len(REGIONS)]}
    return {**labels, "role": "front"} if number % 2 else labels


def join(
    on: Connection,
    name: str,
    labels: Mapping[str, str],
    *,
    seen: datetime | None,
    now: datetime,
    version: str = __version__,
) -> None:
    """A host that joined, and was heard of then."""
    key = base64.b64encode(b"k" * 32).decode()
    papers = agents.Papers(sealing_key=key, certificate_ends=now + timedelta(hours=15))
    agents.enrolled(on, name, papers, labels={}, now=now - timedelta(days=40))
    if seen is None:
        return
    hello = Hello(
        agent=name,
        instance="i",
        versions=("1",),
        understands=(),
        agent_version=version,
        targets=(name,),
        labels=labels,
        task_types=(),
        set=NOTHING_HELD,
        sent_at=now,
    )
    agents.began(on, hello)
    agents.alive(on, {name: agents.Heard(seen, 12, NOTHING_HELD)})


def report_all(on: Connection, wishes: Wishes, **others: Mapping[str, Any]) -> None:
    """Every host has what it is to have, and all is well; ``others``: how documents stand that are not."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in assignments.held(on):
        told = {"id": item.id, "version": item.version, "observed": item.version, "generation": item.generation}
        release = WISHED[item.id][0] if item.id in WISHED else "1"
        found.setdefault(item.target_id, []).append(
            {**told, "release": release, **WELL, **others.get(item.id, {})}
        )
    for name, documents in found.items():
        agents.reported(on, name, list(documents))


def changed(on: Connection, name: str, document: str, **told: Any) -> None:
    """This host tells otherwise of this document."""
    found = [{**item, **told} if item["id"] == document else item for item in agents.find(on, name).documents]
    agents.reported(on, name, list(found))


def _trouble(on: Connection, names: list[str], now: datetime) -> None:
    first, second, third = names[:3]
    changed(on, first, "orders", **ROLLED_BACK, release="5.2.0")
    changed(on, second, "edge", **DRIFTED)
    agents.change(on, third, drained=True)
    for name in names[10::40]:
        changed(on, name, "metrics", **DEGRADED)
    for name in names[15::60]:
        changed(on, name, "edge", **HELD)
    for name in names[20::90]:
        on.execute(
            agents_table.update().where(agents_table.c.name == name).values(last_seen=now - timedelta(hours=7))
        )
    for name in names[25::70]:
        on.execute(
            agents_table.update().where(agents_table.c.name == name).values(last_seen=now - timedelta(minutes=9))
        )
    for name in names[33::120]:
        agents.revoke(on, name, now=now)


def _ask(on: Connection, names: list[str], now: datetime) -> None:
    stories: tuple[tuple[TaskType, str | None, TaskState, str], ...] = (
        ("inspect", None, "succeeded", ""),
        ("inspect", "edge", "failed", "the container edge is not there"),
        ("inspect", "metrics", "running", ""),
        ("inspect", None, "queued", ""),
    )
    for number, (kind, document, state, error) in enumerate(stories * 2):
        ask(
            on, names[number % len(names)], number, now=now, kind=kind, document=document, state=state, error=error
        )


def ask(
    on: Connection,
    target: str,
    number: int,
    *,
    now: datetime,
    kind: TaskType = "inspect",
    document: str | None = None,
    state: TaskState = "queued",
    error: str = "",
) -> str:
    """A task that was asked for some minutes ago, and is in this state now. Its id."""
    at = now - timedelta(minutes=20 - number % 20)
    task = AgentTask(
        id=str(UUID(int=number + 1)),
        type=kind,
        target_id=target,
        payload=InspectPayload(),
        timeout_seconds=TIMEOUT_S,
        priority="normal",
        idempotency_key=f"key-{number}",
        attempt=1,
        assigned_at=at,
        expires_at=now + timedelta(hours=1),
        actor=Actor("user", "stella://admin/ada"),
        document=document,
    )
    kept = tasks.add(on, task, now=at)
    if state == "queued":
        return task.id
    handed = TaskRecord(
        task_id=task.id, expires_at=task.expires_at, timeout_seconds=TIMEOUT_S, state="running", attempt=1
    )
    tasks.advance(on, kept, handed, now=at + timedelta(seconds=1))
    if state != "running":
        result = _result(task, at, error)
        over = TaskRecord(
            task_id=task.id,
            expires_at=task.expires_at,
            timeout_seconds=TIMEOUT_S,
            state=state,
            attempt=1,
            result=result,
        )
        tasks.advance(on, tasks.find(on, task.id), over, now=at + timedelta(seconds=9))
    return task.id


def _result(task: AgentTask, at: datetime, error: str) -> TaskResult:
    return TaskResult(
        task_id=task.id,
        idempotency_key=task.idempotency_key,
        attempt=1,
        agent=task.target_id,
        success=not error,
        outcome="failed" if error else "succeeded",
        started_at=at,
        completed_at=at + timedelta(seconds=8),
        logs="",
        metrics=TaskMetrics(),
        error=error or None,
    )
