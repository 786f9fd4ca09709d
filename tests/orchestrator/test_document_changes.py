"""Documents over the API: put, changed in the revision that was looked at, deleted; never at the folder's cost."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.__main__ import main
from reconciler.core.member import Member, Role
from reconciler.orchestrator.store import documents
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, run
from tests.orchestrator.test_assign import DEFAULTS, PROJECT, WEB

PATH = "/v1/documents/web"


async def put(world: Fleet, text: str = WEB, match: str = "", path: str = PATH) -> tuple[int, Any]:
    headers = {"If-Match": match} if match else {}
    return await world.ask(world.admin(), "PUT", path, json={"text": text}, headers=headers)


def test_a_document_is_put_changed_and_deleted_and_hosts_follow(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            async with agent.streaming():
                status, made = await put(world)
                assert (status, made["source"], made["revision"]) == (200, "api", 1)
                await eventually(lambda: "web" in agent.documents)
                assert agent.documents["web"].actor.id == "stella://admin/ada"
                status, changed = await put(world, WEB.replace('id: "1"', 'id: "2"'), '"1"')
                assert (status, changed["revision"]) == (200, 2)
                await eventually(lambda: '"id": "2"' in agent.documents["web"].text)
                _, shown = await world.ask(world.admin(), "GET", PATH)
                assert (shown["text"], shown["actor"]["id"]) == (
                    WEB.replace('id: "1"', 'id: "2"'),
                    "stella://admin/ada",
                )
                status, _ = await world.ask(world.admin(), "DELETE", PATH, headers={"If-Match": '"2"'})
                assert status == 204
                await eventually(lambda: "web" not in agent.documents)
            assert (await world.ask(world.admin(), "GET", PATH))[0] == 404

    run(scene())


def test_who_changes_what_somebody_else_has_changed_is_told_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await put(world)
            status, told = await put(world)
            assert (status, told["type"]) == (409, "conflict")
            assert (await put(world, match="*"))[0] == 200
            for method in ("PUT", "DELETE"):
                options = {"json": {"text": WEB}} if method == "PUT" else {}
                status, told = await world.ask(world.admin(), method, PATH, headers={"If-Match": '"1"'}, **options)
                assert (status, told["type"]) == (412, "stale")
                assert "revision 2 by now, by stella://admin/ada" in told["title"]
            assert (await put(world, match="one"))[0] == 400
            assert (await world.ask(world.admin(), "DELETE", PATH))[0] == 409
            assert (await world.ask(world.admin(), "DELETE", "/v1/documents/none"))[0] == 404

    run(scene())


def test_what_is_kept_is_told_so_where_reading_it_again_fails(tmp_path: Path) -> None:
    """The outcome must not lie: the document is there, whatever broke in the next moment."""

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            with closing(sqlite3.connect(world.server.home.database)) as by_hand, by_hand:
                by_hand.execute(
                    "CREATE TRIGGER damage AFTER INSERT ON documents BEGIN UPDATE agents SET documents = '[{'; END"
                )
            status, told = await put(world)
            assert status == 500
            assert told["title"].startswith(
                "the document web is kept as revision 1, but nobody can tell where it stands: "
            )
            with world.server.database.read() as on:
                assert documents.look_up(on, "web") is not None

    run(scene())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: [", "api/web:2:1: a value is missing"),
        (WEB.replace("image:", "imag:"), "api/web:7:3: spec.imag: unknown key"),
        (WEB.replace('["127.0.0.1:8080:80"]', '["127.0.0.1:9090:80"]'), "host port 9090/tcp is also used by"),
        (f"{WEB}---\n{WEB}", "one document is put at a time"),
        (DEFAULTS, "one document is put at a time, and no Defaults"),
        (WEB.replace("name: web", "name: api"), "names itself api"),
        (PROJECT.replace("name: shop", "name: web"), "comes with files"),
        (WEB + "# a long remark\n" * 15_000 + "# " + "é" * 12_000, "more than 262144 bytes"),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_its_places(tmp_path: Path, text: str, words: str) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            other = WEB.replace("name: web", "name: other").replace("8080", "9090")
            (world.server.home.desired / "other.yaml").write_text(other)
            status, told = await put(world, text)
            assert status == 400
            assert words in f"{told['title']}\n{told.get('detail', '')}"
            assert (await world.ask(world.admin(), "GET", PATH))[0] == 404

    run(scene())


def test_a_name_is_the_folders_or_the_apis_and_whoever_has_it_keeps_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            file = world.server.home.desired / "web.yaml"
            for text in (WEB, WEB.replace("image:", "imag:")):
                file.write_text(text)
                status, told = await put(world)
                assert (status, told["type"]) == (409, "conflict")
                assert "stands in the orchestrator's folder (web.yaml:" in told["title"]
            file.unlink()
            await put(world)
            file.write_text(WEB.replace("host-a", "host-b"))
            await eventually(lambda: bool(world.server.handing_out.problems))
            _, shown = await world.ask(world.admin(), "GET", PATH)
            assert shown["source"] == "api"
            (problem,) = shown["problems"]
            assert problem.startswith("web.yaml:4:18: metadata.name: a document of the API has this name")
            assert (await put(world, match='"1"'))[0] == 200, "it can still be changed"

    run(scene())


def test_viewers_look_and_change_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            viewer = world.admin(Member(Role.VIEWER, "vic"))
            assert (await world.ask(viewer, "PUT", PATH, json={"text": WEB}))[0] == 403
            await put(world)
            assert (await world.ask(viewer, "GET", PATH))[0] == 200
            assert (await world.ask(viewer, "DELETE", PATH, headers={"If-Match": "*"}))[0] == 403

    run(scene())


def test_who_put_and_deleted_a_document_stands_in_the_audit_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await put(world)
            await put(world)
            await world.ask(world.admin(), "DELETE", PATH, headers={"If-Match": "*"})

    run(scene())
    assert main(["audit", "show", "--state-dir", str(tmp_path / "home"), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    told = [(item["action"], item.get("document"), item.get("outcome")) for item in entries if "document" in item]
    assert told == [
        ("document-put", "web", "done"),
        ("document-put", "web", "failed"),
        ("document-deleted", "web", "done"),
    ]
    assert {item["actor"]["name"] for item in entries if "document" in item} == {"stella://admin/ada"}
