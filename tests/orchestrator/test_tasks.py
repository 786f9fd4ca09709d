"""Tasks from an operator to an agent and back, on real sockets; by requests and by WebSocket."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.errors import SecretSealed
from reconciler.orchestrator.artifact_endpoints import digest_of
from reconciler.orchestrator.store import agents, artifacts, events, logs, tables, tasks
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import as_value
from reconciler.protocol.session.events import Begin, KeepDocument
from reconciler.protocol.states import is_over
from reconciler.protocol.wire.canonical import detached
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import new_key, open_sealed, public_of, read_sealed, seal
from reconciler.sealing.release_keys import TrustedReleaseKeys
from reconciler.sealing.signed_task import verify_task
from reconciler.tls.contexts import client_context
from reconciler.tls.passport import Passport
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, now, run
from tests.orchestrator.test_assign import WEB

EXAMPLE = Path(__file__).parents[2] / "examples" / "04-compose"
DEPLOY = {
    "documentKind": "Container",
    "release": {"id": "2"},
    "image": "registry.example.com/web",
    "digest": "sha256:" + "b" * 64,
}


def inspect(target: str = "host-a", key: str = "look", **more: Any) -> dict[str, Any]:
    return {"type": "inspect", "targets": {"target": target}, "payload": {}, "idempotencyKey": key, **more}


def deploy(key: str = "r2", **more: Any) -> dict[str, Any]:
    body = {"type": "deploy", "targets": {"target": "host-a"}, "document": "web", "payload": DEPLOY}
    return {**body, "idempotencyKey": key, **more}


async def submit(world: Fleet, body: dict[str, Any]) -> Any:
    status, told = await world.ask(world.admin(), "POST", "/v1/tasks", json=body)
    assert status == 201, told
    return told["items"]


async def state_of(world: Fleet, task: str) -> str:
    _, told = await world.ask(world.admin(), "GET", f"/v1/tasks/{task}")
    return str(told["state"])


@pytest.mark.parametrize("push", [False, True], ids=["polling", "websocket"])
def test_a_task_goes_to_its_agent_and_its_result_and_log_come_back(tmp_path: Path, *, push: bool) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            if push:
                async with agent.streaming():
                    await eventually(lambda: bool(agent.session.session))
                    (task,) = await submit(world, inspect())
                    await eventually(lambda: _over(world, task["id"]))
            else:
                await agent.poll()
                (task,) = await submit(world, inspect())
                await agent.poll(lambda: _over(world, task["id"]))
            _, told = await world.ask(world.admin(), "GET", f"/v1/tasks/{task['id']}")
            assert (told["state"], told["attempt"]) == ("succeeded", 1)
            assert told["result"]["outputs"] == {"seen": "it"}
            _, log = await world.ask(world.admin(), "GET", f"/v1/tasks/{task['id']}/log")
            assert log == {"text": "worked on inspect\n", "next": 1, "complete": True, "droppedChunks": 0}

    run(scene())


def _over(world: Fleet, task: str) -> bool:
    with world.server.database.read() as on:
        return is_over(tasks.find(on, task).record.state) and logs.read(on, task).complete


@pytest.mark.fault("N4")
def test_the_same_request_is_the_same_task_and_another_one_with_its_key_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            (first,), (again,) = await submit(world, deploy()), await submit(world, deploy())
            assert (first["id"], first["generation"]) == (again["id"], again["generation"])
            status, told = await world.ask(world.admin(), "POST", "/v1/tasks", json=deploy(timeoutSeconds=5))
            assert (status, told["type"]) == (409, "conflict")

    run(scene())


def test_a_deploy_takes_the_next_generation_of_its_document(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            (world.server.home.desired / "web.yaml").write_text(WEB)
            agent = Agent(world, await world.join("host-a"))
            await agent.poll(lambda: "web" in agent.documents)
            assert agent.documents["web"].generation == 1
            (task,) = await submit(world, deploy())
            assert task["generation"] == 2
            await agent.poll(lambda: bool(agent.of(Begin)))
            (begun,) = agent.of(Begin)
            assert begun.entry.task.generation == 2

    run(scene())


def test_what_is_handed_out_is_signed_by_the_release_key(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            (world.server.home.desired / "web.yaml").write_text(WEB)
            agent = Agent(world, await world.join("host-a"))
            await submit(world, inspect())
            await agent.poll(lambda: bool(agent.of(Begin)) and bool(agent.of(KeepDocument)))
            keys = TrustedReleaseKeys([world.server.home.key.public])
            for item in (agent.of(Begin)[0].entry.task, agent.of(KeepDocument)[0].document):
                assert verify_task(detached(as_value(item)), keys, target="host-a")["targetId"] == "host-a"

    run(scene())


def test_a_change_of_the_folder_reaches_a_connected_agent_and_a_broken_file_takes_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            file = world.server.home.desired / "web.yaml"
            file.write_text(WEB)
            agent = Agent(world, await world.join("host-a"))
            async with agent.streaming():
                await eventually(lambda: "web" in agent.documents)
                file.write_text(WEB.replace('id: "1"', 'id: "2"'))
                await eventually(lambda: '"id": "2"' in agent.documents["web"].text)
                file.write_text("kind: [")
                await eventually(lambda: bool(world.server.handing_out.problems))
                assert agent.documents["web"].generation == 2

    run(scene())


def test_a_queued_task_is_cancelled_at_once_and_one_that_is_over_is_not(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            (task,) = await submit(world, inspect())
            status, told = await world.ask(world.admin(), "POST", f"/v1/tasks/{task['id']}/cancel")
            assert (status, told["state"]) == (202, "cancelled")
            status, told = await world.ask(world.admin(), "POST", f"/v1/tasks/{task['id']}/cancel")
            assert (status, told["type"]) == (409, "conflict")

    run(scene())


def test_an_agent_hears_that_its_task_is_not_wanted_any_more(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            agent.working = False
            (task,) = await submit(world, deploy())
            await agent.poll(lambda: bool(agent.of(Begin)))
            await world.ask(world.admin(), "POST", f"/v1/tasks/{task['id']}/cancel")
            await agent.poll(lambda: any(type(item).__name__ == "Stop" for item in agent.events))
            assert await state_of(world, task["id"]) in {"accepted", "running"}

    run(scene())


def test_a_drained_agent_gets_no_new_tasks_until_it_is_not(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            await agent.poll()
            await world.ask(world.admin(), "PATCH", "/v1/agents/host-a", json={"drained": True})
            (task,) = await submit(world, inspect())
            agent.session.closed()
            await agent.poll()
            assert await state_of(world, task["id"]) == "queued"
            await world.ask(world.admin(), "PATCH", "/v1/agents/host-a", json={"drained": False})
            await agent.poll(lambda: _over(world, task["id"]))

    run(scene())


@pytest.mark.fault("N7")
def test_a_task_that_nobody_fetched_in_time_expires(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            (task,) = await submit(world, inspect())
            with world.server.database.write() as on:
                on.execute(tables.tasks.update().values(expires_at=now() - timedelta(seconds=1)))
            await Agent(world, passport).poll()
            assert await state_of(world, task["id"]) == "expired"

    run(scene())


@pytest.mark.fault("X5")
def test_credentials_are_stored_sealed_open_for_the_agent_alone_and_go_with_the_task(tmp_path: Path) -> None:
    key = new_key()
    value = Secret(b"the word")
    binding = Binding(
        agent="host-a",
        task="7f1c2f0e-9f2b-4a55-8d0e-0d4b8a0e6a11",
        generation=1,
        expires=int((now() + timedelta(minutes=30)).timestamp()),
    )
    sealed = seal({"login": value}, binding, public_of(key)).value()

    async def scene() -> AgentTask:
        async with fleet(tmp_path) as world:
            agent = Agent(world, await world.join("host-a"))
            (task,) = await submit(world, deploy(credentials={"host-a": sealed}))
            assert task["id"] == binding.task
            assert "credentials" not in task
            await agent.poll(lambda: _over(world, task["id"]))
            with world.server.database.read() as on:
                assert tasks.sealed_of(on, task["id"]) is None
            return agent.of(Begin)[0].entry.task

    task = run(scene())
    given = read_sealed(as_value(task)["credentials"])
    assert open_sealed(given, binding, key, now=0)["login"].reveal() == b"the word"
    with pytest.raises(SecretSealed):
        open_sealed(given, binding, new_key(), now=0)


@pytest.mark.fault("X5")
@pytest.mark.parametrize(
    ("change", "status"),
    [({"generation": 7}, 409), ({"agent": "host-b"}, 400), ({"expires": 4102444800}, 400)],
)
def test_credentials_that_are_bound_to_something_else_are_refused(
    tmp_path: Path, change: dict[str, Any], status: int
) -> None:
    bound = {
        "agent": "host-a",
        "task": "7f1c2f0e-9f2b-4a55-8d0e-0d4b8a0e6a11",
        "generation": 1,
        "expires": int(now().timestamp()) + 60,
    }
    sealed = seal({}, Binding(**{**bound, **change}), public_of(new_key())).value()

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            body = deploy(credentials={"host-a": sealed})
            found, told = await world.ask(world.admin(), "POST", "/v1/tasks", json=body)
            assert found == status, told
            with world.server.database.read() as on:
                assert tasks.page(on) == []

    run(scene())


@pytest.mark.fault("X6")
def test_an_agent_that_reports_a_result_of_another_ones_task_is_refused_and_recorded(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            mine, theirs = Agent(world, await world.join("host-a")), Agent(world, await world.join("host-b"))
            (task,) = await submit(world, inspect())
            await mine.poll(lambda: _over(world, task["id"]))
            _, told = await world.ask(world.admin(), "GET", f"/v1/tasks/{task['id']}")
            await theirs.poll()
            stolen = {**told["result"], "agent": "host-b"}
            status, _ = await world.ask(theirs.passport, "POST", "/v1/agents/host-b/results", json=stolen)
            assert status == 403
            await world.server.clerk.finish()
            with world.server.database.read() as on:
                assert events.newest(on)[0].detail == "agent host-b speaks of a task of host-a"

    run(scene())


def test_viewers_look_and_do_not_change_and_agents_do_neither(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            viewer = world.admin(Member(Role.VIEWER, "vic"))
            assert (await world.ask(viewer, "GET", "/v1/tasks"))[0] == 200
            assert (await world.ask(viewer, "POST", "/v1/tasks", json=inspect()))[0] == 403
            assert (await world.ask(passport, "GET", "/v1/agents"))[0] == 403

    run(scene())


def test_an_operator_sees_invites_and_revokes_agents(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            admin = world.admin()
            invited = {"agent": "host-a", "labels": {"a": "b"}}
            status, made = await world.ask(admin, "POST", "/v1/tokens", json=invited)
            assert status == 201
            assert (await world.enroll(made["token"], "host-a"))[0] == 201
            _, told = await world.ask(admin, "GET", "/v1/agents")
            assert [(item["id"], item["labels"], item["presence"]) for item in told["items"]] == [
                ("host-a", {"a": "b"}, "stale")
            ]
            status, told = await world.ask(admin, "POST", "/v1/agents/host-a/revoke")
            assert (status, told["revoked"]) == (200, True)
            status, told = await world.ask(admin, "POST", "/v1/tasks", json=inspect())
            assert (status, told["title"]) == (400, "host-a is revoked")
            with world.server.database.read() as on:
                decided = [item for item in events.newest(on) if item.actor == "stella://admin/ada"]
            assert [item.what for item in decided] == ["revoked", "token-made"]

    run(scene())


def test_what_is_too_large_or_of_another_form_is_refused_in_words(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            admin = world.admin()
            status, told = await world.ask(admin, "POST", "/v1/tasks", data=BytesIO(b"x" * (5 << 20)))
            assert status == 413
            status, told = await world.ask(admin, "POST", "/v1/tasks", json={"type": "deploy"})
            assert (status, told["type"]) == (400, "invalid")
            assert "lacks" in told["title"]
            status, _ = await world.ask(admin, "GET", "/v1/tasks/none")
            assert status == 404
            await world.join("host-a")
            payload = {**DEPLOY, "config": {"environment": {"A": "x" * (1 << 20)}}}
            status, told = await world.ask(
                admin, "POST", "/v1/tasks", data=BytesIO(json.dumps(deploy(payload=payload)).encode())
            )
            assert (status, "are taken" in told["title"]) == (400, True)

    run(scene())


@pytest.mark.fault("N11")
def test_no_more_tasks_are_taken_for_an_agent_than_it_could_do(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("reconciler.orchestrator.task_endpoints.MOST_OPEN", 2)

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            await world.join("host-a")
            for key in ("a", "b"):
                await submit(world, inspect(key=key))
            status, told = await world.ask(world.admin(), "POST", "/v1/tasks", json=inspect(key="c"))
            assert (status, told["type"]) == (503, "unavailable")

    run(scene())


def test_a_started_orchestrator_goes_on_with_what_it_has_kept(tmp_path: Path) -> None:
    async def before() -> tuple[Any, str]:
        async with fleet(tmp_path) as world:
            passport = await world.join("host-a")
            (task,) = await submit(world, inspect())
            return passport, task["id"]

    async def after(passport: Any, task: str) -> None:
        async with fleet(tmp_path) as world:
            agent = Agent(world, passport)
            await agent.poll(lambda: _over(world, task))
            with world.server.database.read() as on:
                assert agents.find(on, "host-a").agent_version == "1.0"

    run(after(*run(before())))


@pytest.mark.fault("X6")
def test_a_file_goes_to_the_agent_whose_document_names_it_and_to_nobody_else(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fleet(tmp_path) as world:
            folder = world.server.home.desired
            shutil.copytree(EXAMPLE / "shop", folder / "shop")
            text = (EXAMPLE / "shop.yaml").read_text()
            (folder / "shop.yaml").write_text(text.replace("{name: shop}", "{name: shop, target: host-a}"))
            agent, other = Agent(world, await world.join("host-a")), await world.join("host-b")
            await agent.poll(lambda: "shop" in agent.documents)
            (lock, *_) = agent.documents["shop"].artifacts
            status, content = await fetched(world, agent.passport, f"/v1/agents/host-a/artifacts/{lock.sha256}")
            assert (status, content) == (200, (EXAMPLE / "shop" / lock.name).read_bytes())
            assert (await fetched(world, other, f"/v1/agents/host-b/artifacts/{lock.sha256}"))[0] == 404
            assert (await fetched(world, other, f"/v1/agents/host-a/artifacts/{lock.sha256}"))[0] == 403

    run(scene())


def test_a_file_is_put_for_a_task_and_forgotten_when_nothing_names_it(tmp_path: Path) -> None:
    content = b"hello"
    digest = digest_of(content)
    files = [{"path": "a", "sha256": digest, "sizeBytes": 5, "mode": "0644"}]
    body = {
        "type": "upload-files",
        "targets": {"target": "host-a"},
        "payload": {"directory": "/srv", "files": files},
        "idempotencyKey": "files",
    }

    async def scene() -> None:
        async with fleet(tmp_path) as world:
            passport, admin = await world.join("host-a"), world.admin()
            assert (await world.ask(admin, "PUT", f"/v1/artifacts/{digest_of(b'x')}", data=content))[0] == 400
            assert (await world.ask(admin, "PUT", f"/v1/artifacts/{digest}", data=content))[0] == 204
            path = f"/v1/agents/host-a/artifacts/{digest}"
            assert (await fetched(world, passport, path))[0] == 404
            (task,) = await submit(world, body)
            assert await fetched(world, passport, path) == (200, content)
            with world.server.database.write() as on:
                artifacts.forget(on, before=now())
                assert artifacts.fetch(on, "host-a", digest) == content
                on.execute(tables.tasks.delete())
                artifacts.forget(on, before=now())
                assert on.execute(tables.artifacts.select()).all() == []
            assert task["type"] == "upload-files"

    run(scene())


async def fetched(world: Fleet, passport: Passport, path: str) -> tuple[int, bytes]:
    context = client_context(passport)
    async with aiohttp.ClientSession() as http, http.get(world.url + path, ssl=context) as answer:
        return answer.status, await answer.read()
