"""Agents join, are heard of, renew and are revoked, on real sockets with real certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.__main__ import main
from reconciler.errors import StateUnwritable
from reconciler.orchestrator.store import agents, events
from reconciler.protocol.presence import presence
from reconciler.tls.certificates import new_key
from tests.orchestrator.fleet import Agent, asked_for, eventually, fleet, now, run


def test_an_agent_joins_and_is_heard_of(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            await agent.poll()
            with world.server.database.read() as on:
                known = agents.find(on, "host-a")
            assert presence(known.last_seen, now()) == "online"
            assert known.labels == {"region": "north"}
            assert known.agent_version == "1.0"

    run(scene())


@pytest.mark.fault("X7")
def test_a_token_lets_one_key_in_and_no_other(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            token, key = world.token("host-a"), new_key()
            first, _ = await world.enroll(token, "host-a", key)
            again, _ = await world.enroll(token, "host-a", key)
            other, told = await world.enroll(token, "host-a")
            assert (first, again, other) == (201, 201, 403)
            assert told["title"] == "the join token does not count here"
            with world.server.database.read() as on:
                (refused,) = [item for item in events.newest(on) if item.what == "enrolment-refused"]
            assert refused.detail == "the token was used before, for another key"

    run(scene())


@pytest.mark.fault("X7")
def test_a_token_is_for_one_name(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            status, _ = await world.enroll(world.token("host-a"), "host-b")
            assert status == 403

    run(scene())


def test_an_agent_renews_its_certificate(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            path, asked = "/v1/agents/host-a/certificate", asked_for(new_key())
            status, body = await world.ask(passport, "POST", path, json=asked)
            assert status == 201
            assert body["certificate"].startswith("-----BEGIN CERTIFICATE")

    run(scene())


@pytest.mark.fault("X6")
def test_an_agent_that_asks_as_another_is_refused_and_recorded(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            for path in ("heartbeat", "certificate"):
                status, told = await world.ask(passport, "POST", f"/v1/agents/host-b/{path}", data=b"{}")
                assert (status, told["type"]) == (403, "forbidden")
            await world.server.clerk.finish()
            with world.server.database.read() as on:
                found = [item for item in events.newest(on) if item.what == "refused"]
            assert {item.actor for item in found} == {"agent host-a"}
            assert len(found) == 2

    run(scene())


@pytest.mark.fault("X2", "X4")
def test_an_agent_streams_and_is_cut_off_when_it_is_revoked(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path, bound_s=0.3) as world:
            agent = Agent(world, await world.join("host-a"))
            async with agent.streaming() as socket:
                await eventually(lambda: bool(agent.session.session))
                with world.server.database.write() as on:
                    agents.revoke(on, "host-a", now=now())
                await eventually(lambda: socket.closed)
            status, _ = await world.ask(agent.passport, "POST", "/v1/agents/host-a/heartbeat", data=b"{}")
            assert status == 403

    run(scene())


def test_where_nothing_is_served_it_says_so_to_members_and_to_nobody_else(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            for asked in (world.admin(), passport):
                for path in ("/v1/agent", "/v2/agents", "/"):
                    status, told = await world.ask(asked, "GET", path)
                    assert (status, told["title"]) == (404, "Not Found")
            assert (await world.ask(world.admin(), "DELETE", "/v1/tasks"))[0] == 405
            assert (await world.ask(passport, "GET", "/v1/agents"))[0] == 403
            with world.server.database.write() as on:
                agents.revoke(on, "host-a", now=now())
            assert (await world.ask(passport, "GET", "/v1/nothing"))[0] == 403

    run(scene())


def test_what_is_decided_stands_in_an_audit_log_that_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            admin = world.admin()
            await world.ask(admin, "POST", "/v1/tokens", json={"agent": "host-b"})
            inspect = {"type": "inspect", "targets": {"target": "host-a"}, "payload": {}, "idempotencyKey": "k"}
            await world.ask(admin, "POST", "/v1/tasks", json=inspect)
            await world.ask(admin, "POST", "/v1/agents/host-a/revoke")
            await world.ask(admin, "POST", "/v1/agents/nobody/revoke")

    run(scene())
    home = str(tmp_path / "home")
    assert main(["audit", "verify", "--state-dir", home]) == 0
    capsys.readouterr()
    assert main(["audit", "show", "--state-dir", home, "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    told = [(item["action"], item["actor"]["name"], item.get("outcome")) for item in entries if item.get("actor")]
    ada = "stella://admin/ada"
    assert ("enrolled", "stella://agent/host-a", "done") in told
    assert ("token-made", ada, "done") in told
    assert ("task-submitted", ada, "done") in told
    assert [item for item in told if item[0] == "revoked"] == [
        ("revoked", ada, "done"),
        ("revoked", ada, "failed"),
    ]


@pytest.mark.fault("A5")
def test_nothing_is_decided_that_cannot_be_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")

            def full(_deed: Any) -> int:
                raise StateUnwritable("the disk is full")

            monkeypatch.setattr(world.server.decisions.audit, "intent", full)
            status, told = await world.ask(world.admin(), "POST", "/v1/agents/host-a/revoke")
            assert (status, told["title"]) == (500, "the disk is full")
            with world.server.database.read() as on:
                assert agents.find(on, "host-a").revoked_at is None

    run(scene())
