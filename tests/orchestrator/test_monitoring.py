"""Metrics, health, upkeep, and backups that become an orchestrator again."""

from __future__ import annotations

import io
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.__main__ import main
from reconciler.errors import InputError, StateDamaged, StateUnwritable
from reconciler.orchestrator.app import back_up, open_database, restore
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.store import agents, assignments, events, tables, tasks
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, now, run
from tests.orchestrator.test_assign import WEB
from tests.orchestrator.test_tasks import _over, inspect, state_of, submit


async def fetched(world: Fleet, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(world.server.monitor.url + path) as answer:
        return answer.status, await answer.text()


async def samples(world: Fleet) -> dict[tuple[str, ...], float]:
    _, page = await fetched(world, "/metrics")
    found = [item for family in text_string_to_metric_families(page) for item in family.samples]
    return {(item.name, *item.labels.values()): item.value for item in found}


def test_the_fleet_is_told_in_metrics(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            await world.join("host-b")
            (task,) = await submit(world, inspect())
            await submit(world, inspect("host-b"))
            await agent.poll(lambda: _over(world, task["id"]))
            found = await samples(world)
            assert found["reconciler_agent_connected", "host-a"] == 1
            assert found["reconciler_agent_connected", "host-b"] == 0
            assert found["reconciler_agent_last_seen_timestamp_seconds", "host-b"] > 0
            assert found["reconciler_tasks", "succeeded", "inspect"] == 1
            assert found["reconciler_rollouts", "paused"] == 0
            assert found["reconciler_tasks", "queued", "inspect"] == 1
            assert found["reconciler_task_duration_seconds_count", "succeeded", "inspect"] == 1
            expiry = "reconciler_certificate_expiry_timestamp_seconds"
            left = found[expiry, "host-a", "agent"] - now().timestamp()
            assert 23 * 3600 < left < 24 * 3600
            assert found[expiry, "root", "orchestrator"] > found[expiry, "issuing", "orchestrator"]

    run(scene())


def test_a_revoked_agent_has_no_series(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            await world.ask(world.admin(), "POST", "/v1/agents/host-a/revoke")
            assert not [key for key in await samples(world) if "host-a" in key]

    run(scene())


def test_health_is_told_and_a_store_that_fails_makes_it_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.server.upkeep.round()
            assert await fetched(world, "/healthz") == (200, "ok\n")
            assert await fetched(world, "/readyz") == (200, "ok\n")

            def full(*_: Any) -> None:
                raise StateUnwritable("the disk is full")

            assert world.server.upkeep.members == 0
            monkeypatch.setattr(world.server.upkeep, "_round", full)
            await world.server.upkeep.round()
            assert await fetched(world, "/readyz") == (503, "the disk is full\n")

    run(scene())


def test_a_part_that_ends_makes_it_unhealthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("nobody expected this")

    monkeypatch.setattr("reconciler.orchestrator.handing_out.read_wishes", broken)

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await eventually(lambda: not world.server.upkeep.healthy()[0])
            assert await fetched(world, "/healthz") == (503, "a part of the orchestrator has ended: ValueError\n")

    run(scene())


def test_a_loop_that_does_not_turn_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            assert await fetched(world, "/healthz") == (200, "ok\n")
            monkeypatch.setattr("reconciler.orchestrator.upkeep.SILENT_S", 0.0)
            assert await fetched(world, "/healthz") == (503, "the last round was too long ago\n")

    run(scene())


def test_a_task_of_an_agent_that_never_comes_expires_by_time_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            (task,) = await submit(world, inspect())
            with world.server.database.write() as on:
                on.execute(tables.tasks.update().values(expires_at=now() - timedelta(seconds=1)))
            await world.server.upkeep.round()
            assert await state_of(world, task["id"]) == "expired"

    run(scene())


def test_what_is_old_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.orchestrator.store.events.KEPT", 2)

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            (task,) = await submit(world, inspect())
            await world.ask(world.admin(), "POST", f"/v1/tasks/{task['id']}/cancel")
            with world.server.database.write() as on:
                on.execute(tables.tasks.update().values(completed_at=now() - timedelta(days=40)))
            await world.server.upkeep.round()
            with world.server.database.read() as on:
                assert tasks.page(on) == []
                assert [item.what for item in events.newest(on)] == ["task-cancelled", "task-submitted"]

    run(scene())


@pytest.mark.fault("N8")
def test_a_backup_of_a_running_orchestrator_becomes_one_that_agents_know(tmp_path: Path) -> None:
    file = tmp_path / "fleet.tar.gz"

    async def before() -> Any:
        async with fleet(tmp_path / "old") as world:
            (world.server.home.desired / "web.yaml").write_text(WEB)
            agent = Agent(world, await world.join("host-a"))
            await agent.poll(lambda: "web" in agent.documents)
            back_up(world.server.home.path, file)
            (world.server.home.desired / "web.yaml").write_text(WEB.replace('id: "1"', 'id: "2"'))
            await agent.poll(lambda: agent.documents["web"].generation == 2)
            return agent

    async def after(agent: Agent) -> None:
        async with fleet(tmp_path / "new") as world:
            (world.server.home.desired / "web.yaml").write_text(WEB)
            agent.fleet = world
            agent.session.closed()
            await agent.poll()
            assert agent.documents["web"].generation == 2, "what is later stays"
            with world.server.database.read() as on:
                assert "agent-ahead" in [item.what for item in events.newest(on)]
                assert assignments.generations(on, "host-a") == {"web": 2}
                assert agents.find(on, "host-a").agent_version == "1.0"
            (world.server.home.desired / "web.yaml").write_text(WEB.replace('id: "1"', 'id: "3"'))
            await agent.poll(lambda: agent.documents["web"].generation == 3)

    agent = run(before())
    assert file.stat().st_mode & 0o777 == 0o600
    restore(file, tmp_path / "new" / "home")
    run(after(agent))


def test_a_backup_has_the_documents_that_came_over_the_api(tmp_path: Path) -> None:
    file = tmp_path / "backup"

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.ask(world.admin(), "PUT", "/v1/documents/web", json={"text": WEB})
            assert main(["orchestrator", "backup", str(file), "--home", str(tmp_path / "home")]) == 0

    async def again() -> None:
        async with fleet(tmp_path / "new") as world:
            _, told = await world.ask(world.admin(), "GET", "/v1/documents/web")
            assert (told["source"], told["revision"], told["text"]) == ("api", 1, WEB)

    run(scene())
    assert main(["orchestrator", "restore", str(file), "--home", str(tmp_path / "new" / "home")]) == 0
    run(again())


def test_a_backup_is_never_written_over_and_never_restored_over(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "backup"
    assert main(["orchestrator", "init", "--home", str(home), "--name", "localhost"]) == 0
    assert main(["orchestrator", "backup", str(file), "--home", str(home)]) == 0
    with pytest.raises(InputError, match="is there already"):
        back_up(home, file)
    with pytest.raises(InputError, match="is not empty"):
        restore(file, home)
    assert main(["orchestrator", "restore", str(file), "--home", str(tmp_path / "again")]) == 0
    with open_database(Home(tmp_path / "again")) as database, database.read() as on:
        assert agents.every(on) == []


@pytest.mark.parametrize("name", ["../outside", "authority/other", "orchestrator.json"])
def test_what_is_no_backup_is_not_restored(tmp_path: Path, name: str) -> None:
    file = tmp_path / "backup"
    with tarfile.open(file, mode="w:gz") as archive:
        item = tarfile.TarInfo(name)
        archive.addfile(item, io.BytesIO())
    with pytest.raises(StateDamaged, match="is no backup of an orchestrator"):
        restore(file, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_cannot_be_read_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        restore(tmp_path / "none", tmp_path / "new")
    (tmp_path / "text").write_text("text")
    with pytest.raises(StateDamaged, match="cannot be read"):
        restore(tmp_path / "text", tmp_path / "new")
