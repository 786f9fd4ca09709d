"""A new root takes the place of the old one while agents are connected, over real TLS; nobody is locked out."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reconciler.__main__ import main
from reconciler.orchestrator.rotating import look, waiting
from reconciler.orchestrator.store import agents
from reconciler.tls.certificates import as_pem, common_name, fingerprint, new_key
from reconciler.tls.passport import Passport, make_passport, read_passport
from reconciler.tls.rotation import Roots
from tests.orchestrator.fleet import Agent, Fleet, asked_for, fleet, now, run

HOUR = timedelta(hours=1)


async def rotate(world: Fleet, *argv: str) -> int:
    return await asyncio.to_thread(
        main, ["orchestrator", "rotate-ca", *argv, "--home", str(world.server.home.path)]
    )


async def a_second_later() -> None:
    """Certificates say whole seconds."""
    await asyncio.sleep(1.1)


async def renewed(world: Fleet, passport: Passport) -> Passport:
    key = new_key()
    path = f"/v1/agents/{passport.member.name}/certificate"
    status, body = await world.ask(passport, "POST", path, json=asked_for(key))
    assert status == 201
    return make_passport(key, body["certificate"].encode(), body["authorities"].encode())


async def comes_back(agent: Agent, passport: Passport) -> None:
    """A session is begun anew, with this passport."""
    agent.passport = passport
    agent.session.closed()
    await agent.poll()


async def let_in(world: Fleet, passport: Passport) -> bool:
    """Whether both sides accept each other's certificates."""
    try:
        status, _ = await world.ask(passport, "POST", "/v1/agents/host-a/heartbeat", data=b"{}")
    except (aiohttp.ClientError, ssl.SSLError):
        return False
    return status == 400


async def served_by(world: Fleet, name: str) -> None:
    """Wait until the server shows a certificate that this one has signed."""
    roots = as_pem(world.server.home.authority.authority().roots).decode()
    for _ in range(100):
        context = ssl.create_default_context(cadata=roots)
        reader_writer = None
        with suppress(ssl.SSLError, OSError):
            reader_writer = await asyncio.open_connection("127.0.0.1", world.server.enrolment.port, ssl=context)
        if reader_writer is not None:
            shown = reader_writer[1].get_extra_info("peercert")
            reader_writer[1].close()
            if name in str(shown["issuer"]):
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the server never had a certificate of {name}")


def test_a_root_is_replaced_under_connected_agents_and_each_step_waits_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            home = world.server.home
            first = await world.join("host-a")
            agent = Agent(world, first)
            await agent.poll()

            assert await rotate(world, "introduce") == 0
            assert await rotate(world, "switch") == 1
            assert "1 agents would be locked out: host-a (online)" in capsys.readouterr().err
            assert await rotate(world, "retire") == 1
            assert "the next step is 'switch'" in capsys.readouterr().err
            await a_second_later()
            second = await renewed(world, first)
            assert len(second.roots) == 2
            assert [item.agent for item in look(home.path).waiting] == ["host-a"], "it was not used yet"
            await comes_back(agent, second)

            assert await rotate(world, "switch") == 0
            issuing = common_name(home.authority.authority().issuing.certificate)
            await served_by(world, issuing)
            await comes_back(agent, second)
            assert not await let_in(world, first), "it does not trust the server any more"
            assert await rotate(world, "retire") == 1
            assert "too early to retire" in capsys.readouterr().err
            third = await renewed(world, second)
            await comes_back(agent, third)

            assert await rotate(world, "retire") == 0
            for _ in range(100):
                if not await let_in(world, second):
                    break
                await asyncio.sleep(0.1)
            assert not await let_in(world, second), "its root is withdrawn"
            await comes_back(agent, third)
            assert await let_in(world, third)
            fourth = await renewed(world, third)
            assert fourth.trusted == (fingerprint(home.authority.authority().root),)

    run(scene())
    home = str(tmp_path / "home")
    capsys.readouterr()
    assert main(["audit", "show", "--state-dir", home, "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    told = [(item["action"], item["outcome"]) for item in entries if item["action"].startswith("root-")]
    assert told == [
        ("root-introduce", "done"),
        ("root-retire", "failed"),
        ("root-switch", "done"),
        ("root-retire", "done"),
    ]
    assert main(["audit", "verify", "--state-dir", home]) == 0


def test_with_force_whoever_is_not_ready_is_locked_out_and_enrolls_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            former = await world.join("host-a")
            await Agent(world, former).poll()
            for step in ("introduce", "switch", "retire"):
                assert await rotate(world, step, "--force", "--json") == 0
                assert json.loads(capsys.readouterr().out)["version"] == 1
            assert look(world.server.home.path).roots.phase == "steady"
            await served_by(world, common_name(world.server.home.authority.authority().issuing.certificate))
            assert not await let_in(world, former)
            agent = Agent(world, await world.join("host-a"))
            await agent.poll()

    run(scene())


def test_where_a_rotation_is_and_who_is_not_ready_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            assert await rotate(world) == 0
            assert "one root is trusted, and signs" in capsys.readouterr().out
            before = read_passport((world.server.home.admin / "passport.pem").read_bytes())
            await rotate(world, "introduce")
            printed = capsys.readouterr()
            assert "a new root is trusted beside the old one, which signs" in printed.out
            assert "orchestrator admin" in printed.err
            after = read_passport((world.server.home.admin / "passport.pem").read_bytes())
            assert (len(before.roots), len(after.roots), after.member) == (1, 2, before.member)
            assert "rotate-ca switch" in printed.err
            await world.join("host-a")
            await rotate(world, "--json")
            told = json.loads(capsys.readouterr().out)
            assert (told["phase"], told["next"], told["waiting"][0]["agent"]) == ("introduced", "switch", "host-a")
            await rotate(world)
            assert "it may not trust it yet" in capsys.readouterr().out

    run(scene())


def known(name: str, **values: Any) -> agents.Agent:
    usual = agents.Agent(
        name=name,
        enrolled_at=now(),
        told_labels={},
        operator_labels=None,
        drained=False,
        revoked_at=None,
        agent_version="1",
        task_types=(),
        last_seen=None,
        clock_offset_ms=None,
        certificate_ends=now() + HOUR,
        sealing_key="",
        documents=(),
    )
    return replace(usual, **values)


def test_whoever_cannot_speak_any_more_holds_nobody_up() -> None:
    since = now()
    gone = [
        known("revoked", revoked_at=now()),
        known("expired", certificate_ends=now() - HOUR),
        known("never", certificate_ends=None),
    ]
    for roots in (Roots("a", ("a", "b"), since), Roots("b", ("a", "b"), since)):
        assert waiting(roots, "new", gone, now=now()) == ()
    assert waiting(Roots("a", ("a",), since), "a", [known("x")], now=now()) == ()


def test_an_agent_is_ready_by_the_certificate_that_it_has_shown() -> None:
    since = now()
    fleet_ = [
        known("b-late", shown_made=since - HOUR, shown_issuer="old"),
        known("a-ready", shown_made=since + HOUR, shown_issuer="new"),
        known("c-silent"),
    ]
    for roots in (Roots("a", ("a", "b"), since), Roots("b", ("a", "b"), since)):
        assert [item.agent for item in waiting(roots, "new", fleet_, now=now())] == ["b-late", "c-silent"]
