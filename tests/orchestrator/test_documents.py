"""Documents of the folder that choose their hosts: where they go, why not, and what that never takes away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.orchestrator.store import events
from reconciler.protocol.session.events import DropDocument
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, run
from tests.orchestrator.test_assign import WEB


def chosen(targets: str, release: str = "1") -> str:
    head = WEB.replace(", target: host-a", "").replace('id: "1"', f'id: "{release}"')
    return head.replace("spec:", f"spec:\n  targets: {targets}")


def write(world: Fleet, text: str) -> None:
    (world.server.home.desired / "web.yaml").write_text(text)


async def shown(world: Fleet) -> Any:
    status, told = await world.ask(world.admin(), "GET", "/v1/documents/web")
    assert status == 200, told
    return told


def test_a_document_goes_to_the_hosts_whose_labels_fit(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            write(world, chosen("{matchLabels: {region: north}}"))
            north = Agent(world, await world.join("host-a"))
            south = Agent(world, await world.join("host-b"), labels={"region": "south"})
            await south.poll()
            await north.poll(lambda: "web" in north.documents)
            assert "targets" not in north.documents["web"].text
            told = await shown(world)
            assert [item["target"] for item in told["assigned"]] == ["host-a"]
            assert (told["targets"], told["notAssigned"]) == ({"matchLabels": {"region": "north"}}, [])
            write(world, chosen("{matchExpressions: [{key: region, operator: Exists}]}"))
            await south.poll(lambda: "web" in south.documents)
            assert south.documents["web"].version == north.documents["web"].version
            assert north.documents["web"].generation == 1, "whom it is for is no part of it"

    run(scene())


def test_another_label_of_a_host_counts_at_once_and_what_no_longer_fits_is_withdrawn(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            write(world, chosen("{matchLabels: {region: south}}"))
            agent = Agent(world, await world.join("host-a"))
            await agent.poll()
            admin = world.admin()
            await world.ask(admin, "PATCH", "/v1/agents/host-a", json={"labels": {"region": "south"}})
            await agent.poll(lambda: "web" in agent.documents)
            await world.ask(admin, "PATCH", "/v1/agents/host-a", json={"labels": {"region": "north"}})
            await agent.poll(lambda: "web" not in agent.documents)
            assert [item.document for item in agent.of(DropDocument)] == ["web"]
            with world.server.database.read() as on:
                told = [(item.what, item.detail) for item in events.newest(on)]
            assert ("document-withdrawn", "from host-a: it is not for this host any more") in told

    run(scene())


def test_a_broken_file_withdraws_nothing_from_anybody(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            write(world, chosen("{names: [host-a]}"))
            agent = Agent(world, await world.join("host-a"))
            await agent.poll(lambda: "web" in agent.documents)
            write(world, chosen("{matchExpressions: [{key: region, operator: In}]}"))
            await eventually(lambda: bool(world.server.handing_out.problems))
            await agent.poll()
            assert "web" in agent.documents
            told = await shown(world)
            (problem,) = told["problems"]
            assert problem.startswith("web.yaml:6:32: spec.targets.matchExpressions[0]: values: In has")
            _, page = await world.ask(world.admin(), "GET", "/v1/documents")
            assert page["problems"] == [problem]

    run(scene())


def test_why_a_host_does_not_have_a_document_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            write(world, chosen("{names: [host-a, host-b, host-c, host-d], matchLabels: {region: south}}"))
            await Agent(world, await world.join("host-a")).poll()
            await world.join("host-b")
            await world.join("host-c")
            await world.ask(world.admin(), "POST", "/v1/agents/host-c/revoke")
            await eventually(lambda: bool(world.server.handing_out.wishes.wishes))
            told = await shown(world)
            assert {item["target"]: item["reason"] for item in told["notAssigned"]} == {
                "host-a": "its labels do not fit",
                "host-b": "it has not told its labels yet",
                "host-c": "it is revoked",
                "host-d": "no host has joined under this name",
            }
            assert told["assigned"] == []

    run(scene())
