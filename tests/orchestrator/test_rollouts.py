"""Rollouts in waves, on real sockets: in which order hosts get a version, and what comes of it when some fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.orchestrator.rollouts import standing_of
from reconciler.orchestrator.store import events, rollouts, tables
from reconciler.protocol.message.session import DocumentReport
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, moment, now, run
from tests.orchestrator.test_assign import WEB

NAMES = ("host-a", "host-b", "host-c", "host-d")


def web(rollout: str, release: str = "1") -> str:
    head = WEB.replace(", target: host-a", "").replace('id: "1"', f'id: "{release}"')
    return head.replace("spec:", f"spec:\n  rollout: {rollout}")


class Host(Agent):
    """An agent whose host deploys what it is told to, each version as it is said."""

    def __init__(self, fleet: Fleet, passport: Any) -> None:
        super().__init__(fleet, passport)
        self.bad: set[str] = set()
        self.slow = False
        self.had: list[str] = []

    @property
    def release(self) -> str:
        text = self.documents["web"].text if "web" in self.documents else ""
        return text.partition('"id": "')[2].partition('"')[0]

    async def deploy(self) -> None:
        """For ever: observe the version that is held, once it is deployed."""
        while True:
            await asyncio.sleep(0.02)
            if "web" in self.documents and (not self.had or self.had[-1] != self.release):
                self.had.append(self.release)
            if "web" not in self.documents or self.slow:
                continue
            phase = "rolled-back" if self.release in self.bad else "converged"
            report = DocumentReport(
                id="web", phase=phase, sync="synced", health="healthy", observed=self.documents["web"].version
            )
            self.session.observed([report], moment())


@asynccontextmanager
async def hosts(world: Fleet, *names: str) -> AsyncIterator[dict[str, Host]]:
    """Connected, and deploying."""
    async with AsyncExitStack() as stack:
        made = {}
        for name in names:
            host = Host(world, await world.join(name))
            await stack.enter_async_context(host.streaming())
            task = asyncio.create_task(host.deploy())
            stack.callback(task.cancel)
            made[name] = host
        yield made


def write(world: Fleet, text: str) -> None:
    draft = world.server.home.desired / ".web.yaml"
    draft.write_text(text)
    draft.rename(world.server.home.desired / "web.yaml")


def with_release(found: dict[str, Host], release: str) -> list[str]:
    return sorted(name for name, host in found.items() if host.release == release)


async def course(world: Fleet) -> Any:
    """{} where nobody has looked yet."""
    return (await world.ask(world.admin(), "GET", "/v1/documents/web"))[1].get("rollout", {})


async def comes_to(world: Fleet, state: str, within_s: float = 15.0) -> Any:
    end = asyncio.get_running_loop().time() + within_s
    while (found := await course(world)).get("state") != state:
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.05)
    return found


async def act(world: Fleet, action: str) -> tuple[int, Any]:
    return await world.ask(world.admin(), "POST", "/v1/documents/web/rollout", json={"action": action})


def test_a_rolling_one_is_at_work_on_so_many_hosts_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world, hosts(world, *NAMES) as found:
            for host in found.values():
                host.slow = True
            write(world, web("{strategy: rolling, maxParallel: 2}"))
            await eventually(lambda: with_release(found, "1") == ["host-a", "host-b"])
            await asyncio.sleep(0.3)
            assert with_release(found, "1") == ["host-a", "host-b"]
            told = await course(world)
            assert (told["strategy"], told["hosts"], told["going"], told["queued"]) == ("rolling", 4, 2, 2)
            found["host-a"].slow = False
            await eventually(lambda: with_release(found, "1") == ["host-a", "host-b", "host-c"])
            for host in found.values():
                host.slow = False
            done = await comes_to(world, "done")
            assert (done["good"], done["queued"]) == (4, 0)
            assert {host.documents["web"].generation for host in found.values()} == {1}

    run(scene(), within_s=60)


def test_canaries_have_it_first_and_the_others_after_the_soak(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world, hosts(world, *NAMES) as found:
            write(world, web("{strategy: canary, canaries: 1, soak: 1h}"))
            await eventually(lambda: with_release(found, "1") == ["host-a"])
            end = asyncio.get_running_loop().time() + 10
            while "soakUntil" not in await course(world):
                assert asyncio.get_running_loop().time() < end
                await asyncio.sleep(0.05)
            assert with_release(found, "1") == ["host-a"]
            write(world, web("{strategy: canary, canaries: 1, soak: 1s}"))
            await comes_to(world, "done")
            assert len(with_release(found, "1")) == 4

    run(scene(), within_s=60)


def test_a_breach_brings_back_what_was_there_and_no_host_gets_the_version_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world, hosts(world, *NAMES) as found:
            write(world, web("{strategy: all-at-once}"))
            await comes_to(world, "done")
            found["host-b"].bad.add("2")
            write(world, web("{strategy: rolling, onBreach: rollback}", "2"))
            told = await comes_to(world, "returned")
            assert told["reason"] == "1 of 4 hosts failed, and 0 may: host-b"
            await eventually(lambda: len(with_release(found, "1")) == 4)
            assert [host.had for host in found.values()] == [["1", "2", "1"], ["1", "2", "1"], ["1"], ["1"]]
            write(world, web("{strategy: rolling}", "3"))
            await comes_to(world, "done")
            assert len(with_release(found, "3")) == 4

    run(scene(), within_s=60)


def test_a_breach_waits_for_a_person_who_goes_on_or_takes_it_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world, hosts(world, *NAMES[:3]) as found:
            write(world, web("{strategy: all-at-once}"))
            await comes_to(world, "done")
            found["host-a"].bad.add("2")
            write(world, web("{strategy: rolling}", "2"))
            told = await comes_to(world, "paused")
            assert (told["failed"], with_release(found, "2")) == (1, ["host-a"])
            assert (await act(world, "resume"))[0] == 200
            await eventually(lambda: len(with_release(found, "2")) == 3)
            assert (await act(world, "rollback"))[0] == 200
            await comes_to(world, "returned")
            assert len(with_release(found, "1")) == 3
            with world.server.database.read() as on:
                told = [(item.what, item.actor) for item in events.newest(on) if item.what.startswith("rollout-")]
            assert ("rollout-rollback", "stella://admin/ada") in told
            assert ("rollout-resume", "stella://admin/ada") in told

    run(scene(), within_s=60)


def test_a_rollout_whose_document_is_gone_is_over_and_one_that_cannot_be_read_is_not(tmp_path: Path) -> None:
    def states(world: Fleet) -> dict[str, str]:
        with world.server.database.read() as on:
            return {name: kept.course.state for name, kept in rollouts.every(on).items()}

    async def scene() -> None:
        async with fleet(tmp_path) as world, hosts(world, "host-a") as found:
            other = world.server.home.desired / "other.yaml"
            other.write_text(
                web("{strategy: rolling}").replace("name: web", "name: other").replace("8080", "8083")
            )
            found["host-a"].bad.add("2")
            write(world, web("{strategy: all-at-once}", "2"))
            await comes_to(world, "paused")
            write(world, "{")
            await world.server.handing_out.look()
            assert states(world)["web"] == "paused"
            (world.server.home.desired / "web.yaml").unlink()
            await eventually(lambda: states(world).keys() == {"other"})

    run(scene(), within_s=60)


def test_it_goes_on_after_a_kill_and_no_host_is_given_the_version_twice(tmp_path: Path) -> None:
    generations: dict[str, int] = {}

    async def before() -> list[Any]:
        async with fleet(tmp_path) as world, hosts(world, *NAMES) as found:
            for host in found.values():
                host.slow = True
            write(world, web("{strategy: rolling, maxParallel: 2}"))
            await eventually(lambda: with_release(found, "1") == ["host-a", "host-b"])
            return [(host.name, host.passport) for host in found.values()]

    async def after(known: list[Any]) -> None:
        async with fleet(tmp_path) as world, AsyncExitStack() as stack:
            found = {}
            for name, passport in known:
                host = found[name] = Host(world, passport)
                await stack.enter_async_context(host.streaming())
                stack.callback(asyncio.create_task(host.deploy()).cancel)
            await comes_to(world, "done")
            generations.update({name: host.documents["web"].generation for name, host in found.items()})

    run(after(run(before())), within_s=60)
    assert generations == dict.fromkeys(NAMES, 1)


def test_a_host_that_is_away_is_queued_and_gets_it_when_it_is_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world, hosts(world, "host-b") as found:
            away = await world.join("host-a")
            write(world, web("{strategy: rolling}"))
            await eventually(lambda: with_release(found, "1") == ["host-b"])
            told = await course(world)
            assert (told["state"], told["queued"], told["away"]) == ("going", 1, 1)
            _, shown = await world.ask(world.admin(), "GET", "/v1/documents/web")
            assert shown["notAssigned"] == [{"target": "host-a", "reason": "it is queued: it is away"}]
            late = Host(world, away)
            async with late.streaming():
                task = asyncio.create_task(late.deploy())
                await comes_to(world, "done")
                task.cancel()

    run(scene(), within_s=60)


def test_a_host_that_went_away_at_work_counts_as_failed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path, interval_s=60) as world, hosts(world, "host-a", "host-b") as found:
            found["host-a"].slow = True
            write(world, web("{strategy: rolling}"))
            await eventually(lambda: with_release(found, "1") == ["host-a"])
            gone = tables.agents.update().where(tables.agents.c.name == "host-a")
            while (told := await course(world)).get("state") != "paused":
                with world.server.database.write() as on:  # again and again: it is there, and says so
                    on.execute(gone.values(last_seen=now() - timedelta(minutes=6)))
                world.server.handing_out.ask()
                await asyncio.sleep(0.1)
            assert "host-a" in told["reason"]
            assert with_release(found, "1") == ["host-a"]

    run(scene(), within_s=60)


def test_only_admins_act_and_only_on_what_is_rolled_out(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            assert (await act(world, "pause"))[0] == 404
            write(world, WEB)
            await eventually(lambda: bool(world.server.handing_out.wishes.wishes))
            status, told = await act(world, "pause")
            assert (status, "does not go out in waves" in told["title"]) == (409, True)
            assert (await act(world, "hurry"))[0] == 400

    run(scene(), within_s=60)


VERSION = "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        ({}, "going"),
        ({"version": VERSION}, "going"),
        ({"version": VERSION, "observed": "other", "phase": "converged", "health": "healthy"}, "going"),
        ({"version": VERSION, "observed": VERSION, "phase": "reconciling", "health": "healthy"}, "going"),
        ({"version": VERSION, "observed": VERSION, "phase": "converged", "health": "healthy"}, "good"),
        ({"version": VERSION, "observed": VERSION, "phase": "converged", "health": "progressing"}, "going"),
        ({"version": VERSION, "observed": VERSION, "phase": "converged", "health": "degraded"}, "failed"),
        ({"version": VERSION, "observed": VERSION, "phase": "rolled-back", "health": "healthy"}, "failed"),
        ({"version": VERSION, "observed": VERSION, "phase": "held", "health": "suspended"}, "held"),
        ({"version": "other", "refused": "a port is taken"}, "failed"),
        ({"version": VERSION, "observed": "other", "refused": "of the one before"}, "going"),
    ],
)
def test_how_a_version_stands_is_told_by_what_was_observed_of_it_alone(told: Any, standing: str) -> None:
    assert standing_of(VERSION, told) == standing
