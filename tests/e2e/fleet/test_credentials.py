"""Credentials of tasks with the agent as a program of its own. What is planted is looked for after each test: in
all that any program said, the state directory, the engine and the arguments of processes.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.agent.enrolment import sealing_keys
from reconciler.agent.place import AgentPlace
from reconciler.core.secret import Secret
from reconciler.protocol.message.common import SealedCredentials
from reconciler.protocol.message.payload import InspectPayload, RollbackPayload
from reconciler.protocol.message.task import AgentTask, binding_of
from reconciler.protocol.wire.codec import from_json
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import seal
from tests.e2e.canary import Words, finds
from tests.e2e.fleet.fleet import Fleet
from tests.e2e.fleet.whole import HOST, WholeFleet
from tests.e2e.stage import Stage, fetch
from tests.parts.images import PublishedImage, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.registry_gate import RegistryGate
from tests.parts.standard_images import web

pytestmark = pytest.mark.engine
PASSWORD = f"canary-of-ann-{uuid.uuid4().hex[:8]}"
SECRET = f"canary-secret-{uuid.uuid4().hex[:8]}"
NAMED = {"config": {"secrets": [{"name": "db", "mountPath": "/run/secrets/db"}]}}


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    fleet.stage.plant("the password of the registry", PASSWORD)
    fleet.stage.plant("the secret of the task", SECRET)
    return fleet


@pytest.fixture
def gate(registry: PrivateRegistry) -> Iterator[RegistryGate]:
    with RegistryGate(registry.address, passwords={"ann": PASSWORD}, owners={"team-a": "ann"}) as made:
        yield made


def behind(gate: RegistryGate, registry: PrivateRegistry) -> PublishedImage:
    """A new image that nobody gets without a login."""
    tag = f"x{uuid.uuid4().hex[:8]}"
    made = publish(registry.address, "team-a/web", tag, web(tag))
    return replace(made, repository=f"{gate.address}/team-a/web")


def sealed(fleet: Fleet, task: AgentTask, values: Mapping[str, str], **bound: Any) -> AgentTask:
    """The task with these values, sealed as whoever asks for it does."""
    public = sealing_keys(AgentPlace(fleet.stage.state / "fleet")).public()
    binding = binding_of(task)
    wanted = {"agent": binding.agent, "task": binding.task, "generation": binding.generation}
    made = Binding(**{**wanted, "expires": binding.expires, **bound})
    box = seal({name: Secret(value.encode()) for name, value in values.items()}, made, public)
    return replace(task, credentials=from_json(SealedCredentials, box.value()))


def logins(gate: RegistryGate, password: str = PASSWORD) -> dict[str, str]:
    told = {"registries": {f"{gate.address}/team-a": {"username": "ann", "password": password}}}
    return {"registries": json.dumps(told)}


def test_a_login_of_the_task_is_lent_for_its_pull_and_gone_afterwards(
    fleet: Fleet, gate: RegistryGate, registry: PrivateRegistry
) -> None:
    stage, orchestrator = fleet.stage, fleet.orchestrator
    stage.settings["DOCKER_CONFIG"] = str(stage.folder)
    with fleet.agent():
        image = behind(gate, registry)
        asked = {"image": image.repository, "digest": image.digest, "release": {"id": image.tag}}
        task = fleet.deploy("v1", spec=asked, prepare=lambda made: sealed(fleet, made, logins(gate)))
        result = orchestrator.result(task)
        assert (result.outcome, result.error) == ("succeeded", None)
        assert set(gate.let_in) == {("ann", "team-a/web")}
        later = behind(gate, registry)
        asked = {"image": later.repository, "digest": later.digest, "release": {"id": later.tag}}
        refused = orchestrator.result(fleet.deploy("v1", spec=asked))
        assert refused.outcome in {"failed", "refused"}
        wrong = fleet.deploy("v1", spec=asked, prepare=lambda made: sealed(fleet, made, logins(gate, "wrong-one")))
        told = orchestrator.result(wrong)
        assert told.outcome in {"failed", "refused"}
        assert "in the task's credentials was refused" in (told.error or "")
        assert stage.page() == f"web {image.tag}"


def test_a_secret_of_the_task_becomes_one_of_its_document(fleet: Fleet) -> None:
    stage, orchestrator = fleet.stage, fleet.orchestrator

    def with_secret(made: AgentTask) -> AgentTask:
        return sealed(fleet, made, {"secret/db": SECRET})

    with fleet.agent():
        result = orchestrator.result(fleet.deploy("v1", spec=NAMED, prepare=with_secret))
        assert (result.outcome, result.error) == ("succeeded", None)
        assert stage.docker("exec", stage.name, "cat", "/run/secrets/db") == SECRET
        before = stage.identity()
        again = orchestrator.result(fleet.deploy("v1", spec=NAMED, prepare=with_secret))
        assert (again.outcome, stage.identity()) == ("succeeded", before)
        newer = orchestrator.result(fleet.deploy("v2", spec=NAMED, prepare=with_secret))
        assert newer.outcome == "succeeded"
        assert stage.docker("exec", stage.name, "cat", "/run/secrets/db") == SECRET
        back = fleet.ask("rollback", RollbackPayload())
        assert (back.outcome, back.error) == ("succeeded", None)
        assert stage.docker("exec", stage.name, "cat", "/run/secrets/db") == SECRET
        for path in (stage.state / "fleet").rglob("*"):
            if path.is_file():
                assert SECRET.encode() not in path.read_bytes(), path


@pytest.mark.fault("X5")
def test_credentials_that_are_not_for_this_task_change_nothing_and_are_told(fleet: Fleet) -> None:
    orchestrator = fleet.orchestrator
    value = {"secret/db": SECRET}
    soon = datetime.now(UTC) + timedelta(seconds=8)
    with fleet.agent():
        cases = {
            "bound to another task": lambda made: sealed(fleet, made, value, generation=99),
            "names no secret strange": lambda made: sealed(fleet, made, {**value, "secret/strange": "x"}),
            "neither registries nor": lambda made: sealed(fleet, made, {"password": SECRET}),
            "names a helper": lambda made: sealed(
                fleet, made, {"registries": json.dumps({"registries": {"r.example.com": {"helper": "x"}}})}
            ),
        }
        for told, prepare in cases.items():
            result = orchestrator.result(fleet.deploy("v1", spec=NAMED, prepare=prepare))
            assert (result.outcome, result.error_type) == ("refused", "credentials"), result
            assert told in (result.error or "")
        looking = orchestrator.ask(
            "inspect", InspectPayload(), document=fleet.stage.name, prepare=lambda made: sealed(fleet, made, value)
        )
        assert orchestrator.result(looking).error_type == "credentials"
        lifted = fleet.deploy("v1", spec=NAMED)
        assert orchestrator.result(lifted).error_type == "invalid-document"
        late = fleet.deploy("v1", spec=NAMED, expires_at=soon, prepare=lambda made: sealed(fleet, made, value))
        assert orchestrator.result(late).outcome in {"succeeded", "expired", "refused"}


def test_what_a_person_seals_is_found_on_neither_side(stage: Stage) -> None:
    stage.plant("the secret of the task", SECRET)
    fleet = WholeFleet(stage=stage, polling=False)
    given, document = stage.folder / "given.json", stage.folder / "asked.yaml"
    given.write_text(json.dumps({"secrets": {"db": SECRET}}))
    (named,) = NAMED["config"]["secrets"]
    document.write_text(fleet.text("v1", config={"secrets": [{**named, "encrypted": "task"}]}))
    fleet.create()
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent():
            files = ("--file", str(document), "--credentials", str(given))
            said = fleet.done("task", "submit", "deploy", "--target", HOST, *files, "--wait", "--json")
            (task,) = json.loads(said.stdout)["tasks"]
            assert task["state"] == "succeeded"
            assert stage.docker("exec", stage.name, "cat", "/run/secrets/db") == SECRET
            fleet.done("task", "show", task["id"], "--json")
            fleet.done("task", "logs", task["id"])
            fleet.done("orchestrator", "events")
            stage.said.append(fetch(f"http://127.0.0.1:{fleet.monitor_port}/metrics"))
    words = [
        Words(place="state", where=str(path), text=path.read_bytes().decode("latin-1")) for path in kept(fleet)
    ]
    assert len(words) > 5
    assert finds(stage.plants, words) == ()
    with closing(sqlite3.connect(fleet.home / "orchestrator.db")) as database:
        assert database.execute("SELECT count(*) FROM credentials").fetchone() == (0,)


def kept(fleet: WholeFleet) -> list[Path]:
    return [path for path in fleet.home.rglob("*") if path.is_file()]
