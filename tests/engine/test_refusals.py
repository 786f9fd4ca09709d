"""What comes out when an engine refuses in the middle of work that takes several requests."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reconciler.core.container import RestartPolicy
from reconciler.engine.archive import file_archive, link_archive
from reconciler.engine.client import DockerEngine
from reconciler.errors import EngineRefused
from tests.engine.recorded import recorded
from tests.engine.scripted import Exchange, ScriptedEngine

ID = "c" * 64
ARCHIVE = f"/containers/{ID}/archive"
HELPERS: dict[str, Any] = {"/volumes/data": {}, "/containers/create": {"Id": ID}, f"/containers/{ID}": {}}
"""What it takes to make and remove a helper."""


def refuse(exchange: Exchange) -> None:
    exchange.say({"message": "the engine is in a bad mood"}, status=500)


def engine_at(server: ScriptedEngine) -> DockerEngine:
    return DockerEngine(server.url, clock=time.time, environment={})


def read(scripts: dict[str, Any]) -> bytes | None:
    with ScriptedEngine({**HELPERS, **scripts}) as server:
        return engine_at(server).read_volume("data", "version.json", helper="image", limit=100)


def test_a_file_is_read_with_three_requests_about_a_helper() -> None:
    assert read({ARCHIVE: file_archive("version.json", b"1", mtime=0)}) == b"1"


@pytest.mark.parametrize("path", ["/volumes/data", "/containers/create", ARCHIVE])
def test_a_refusal_while_a_volume_is_read_is_told(path: str) -> None:
    with pytest.raises(EngineRefused, match="bad mood"):
        read({path: refuse})


def test_a_helper_that_cannot_be_removed_is_told() -> None:
    with pytest.raises(EngineRefused, match="removing helper container cccccccccccc"):
        read({ARCHIVE: file_archive("version.json", b"1", mtime=0), f"/containers/{ID}": refuse})


def test_what_is_not_read_back_as_it_was_written_is_told() -> None:
    def forgetful(exchange: Exchange) -> None:
        exchange.say(file_archive("x", b"old", mtime=0) if exchange.command == "GET" else {})

    with (
        ScriptedEngine({**HELPERS, ARCHIVE: forgetful}) as server,
        pytest.raises(EngineRefused, match="not what was written"),
    ):
        engine_at(server).write_volume("data", "version.json", b"new", helper="image")


def test_the_name_does_not_change_when_the_content_could_not_be_laid_down() -> None:
    laid: list[bytes] = []

    def full(exchange: Exchange) -> None:
        if exchange.command == "GET":
            exchange.say(link_archive("version.json", ".version.json.0", mtime=0))
        else:
            laid.append(exchange.server.seen[-1][2])
            exchange.say({"message": "write /.version.json.1: input/output error"}, status=500)

    with ScriptedEngine({**HELPERS, ARCHIVE: full}) as server, pytest.raises(EngineRefused, match="input/output"):
        engine_at(server).write_volume("data", "version.json", b"new", helper="image")
    assert len(laid) == 1
    assert laid[0].startswith(b".version.json.1\0"), "the slot that the name does not point to"


def test_logs_that_are_refused_for_another_reason_are_told() -> None:
    inspected = recorded("container_wanted")
    scripts = {f"/containers/{ID}/json": inspected, f"/containers/{ID}/logs": refuse}
    with ScriptedEngine(scripts) as server, pytest.raises(EngineRefused, match="reading the log"):
        engine_at(server).logs(ID, lines=3)


def test_predefined_networks_are_there_without_asking() -> None:
    with ScriptedEngine() as server:
        for name in ("bridge", "host", "none"):
            engine_at(server).create_network(name)
        assert server.seen == []


@pytest.mark.parametrize("ends", [1, 99])
@pytest.mark.parametrize(
    "reason",
    [
        "container not running: unknown",
        f"task {ID} not found: not found",
        f"Cannot update container {ID}: cannot update a stopped container: unknown",
    ],
)
def test_a_change_of_a_container_that_ends_meanwhile_is_tried_again_a_few_times(reason: str, ends: int) -> None:
    """Obligation: an engine that could not reach the process of a crash-looping container has changed nothing; a
    moment later it can.
    """
    asked: list[bytes] = []

    def update(exchange: Exchange) -> None:
        asked.append(exchange.server.seen[-1][2])
        gone = {"message": f"Cannot update container cc: {reason}"}
        exchange.say(gone if len(asked) <= ends else {"Warnings": []}, status=500 if len(asked) <= ends else 200)

    with ScriptedEngine({f"/containers/{ID}/update": update}) as server:
        engine = engine_at(server)
        if ends == 1:
            engine.set_restart_policy(ID, RestartPolicy("no"))
            assert len(asked) == 2
        else:
            with pytest.raises(EngineRefused, match=reason):
                engine.set_restart_policy(ID, RestartPolicy("no"))
            assert 2 < len(asked) < 10
