"""The commands of operators, with a running orchestrator and its agents."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler import strict_json
from reconciler.__main__ import main
from reconciler.protocol.session.events import Begin
from tests.orchestrator.fleet import Agent, Fleet, fleet
from tests.orchestrator.test_assign import WEB


class Town:
    """An orchestrator in a thread of its own, with one agent that works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent: Agent
        self.world: Fleet
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    def live(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with fleet(self.folder) as self.world:
            (self.world.server.home.desired / "web.yaml").write_text(WEB)
            self.agent = Agent(self.world, await self.world.join("host-a"))
            settings = {"version": 1, "server": self.world.url, "passport": "passport.pem"}
            self.settings.write_bytes(strict_json.canonical(settings))
            async with self.agent.streaming():
                self._ready.set()
                await self._stop.wait()

    @property
    def settings(self) -> Path:
        return self.folder / "home" / "admin" / "fleet.json"

    @contextmanager
    def living(self) -> Iterator[Town]:
        thread = threading.Thread(target=self.live)
        thread.start()
        try:
            assert self._ready.wait(20)
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(20)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Town(tmp_path_factory.mktemp("town")).living() as living:
        yield living


@pytest.fixture
def said(town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command; its exit status, and what it printed: JSON where it can be."""
    monkeypatch.setenv("RECONCILER_FLEET", str(town.settings))

    def say(*argv: str) -> tuple[int, Any]:
        status = main(list(argv))
        printed = capsys.readouterr()
        return status, json.loads(printed.out) if "--json" in argv and status == 0 else printed.out + printed.err

    return say


def test_a_task_is_asked_for_awaited_shown_listed_and_read(said: Any) -> None:
    status, told = said("task", "submit", "inspect", "--target", "host-a", "--wait", "--json")
    assert (status, told["tasks"][0]["state"]) == (0, "succeeded")
    task = told["tasks"][0]["id"]
    assert said("task", "show", task, "--json")[1]["task"]["result"]["outputs"] == {"seen": "it"}
    assert "state       succeeded" in said("task", "show", task)[1]
    assert task in said("task", "list", "--target", "host-a")[1]
    assert said("task", "logs", task, "--follow") == (0, "worked on inspect\n")
    assert said("task", "logs", task, "--json")[1]["log"]["complete"] is True


def test_a_deploy_is_made_of_a_document_file_with_sealed_credentials(
    said: Any, town: Town, tmp_path: Path
) -> None:
    (tmp_path / "web.yaml").write_text(WEB)
    (tmp_path / "secrets.json").write_text('{"registry": "the word"}')
    files = ("--file", str(tmp_path / "web.yaml"), "--credentials", str(tmp_path / "secrets.json"))
    status, told = said("task", "submit", "deploy", "--target", "host-a", *files, "--wait", "--json")
    assert status == 0, told
    begun = [item.entry.task for item in town.agent.of(Begin) if item.entry.task.type == "deploy"]
    assert begun[-1].document == "web"
    assert begun[-1].credentials is not None
    assert "the word" not in json.dumps(told)
    assert "the word" not in said("task", "show", told["tasks"][0]["id"], "--json")[1]["task"].values()


def test_the_fleet_is_shown_drained_and_not(said: Any) -> None:
    status, told = said("fleet", "status")
    assert status == 0
    assert told.splitlines()[0].split() == ["AGENT", "STATE", "SEEN", "DOCUMENTS", "CERTIFICATE", "LABELS"]
    assert "region=north" in told
    assert said("fleet", "drain", "host-a") == (0, "host-a is drained\n")
    assert said("fleet", "status", "--json")[1]["agents"][0]["drained"] is True
    (queued,) = said("task", "submit", "inspect", "--target", "host-a", "--json")[1]["tasks"]
    assert said("task", "cancel", queued["id"]) == (0, "cancelled\n")
    assert said("fleet", "drain", "host-a", "--end") == (0, "host-a is no longer drained\n")


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (("task", "submit", "inspect", "--target", "nobody"), 1, "no agent fits the targets"),
        (("task", "submit", "inspect"), 64, "name an agent with --target"),
        (("task", "submit", "deploy", "--target", "host-a"), 64, "deploy needs --file or --payload"),
        (("task", "show", "none"), 1, "there is no task 'none'"),
        (("fleet", "revoke", "nobody"), 1, "there is no agent 'nobody'"),
        (("fleet", "status", "--fleet", "/nowhere/fleet.json"), 64, "/nowhere/fleet.json is not there"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(said: Any, argv: tuple[str, ...], status: int, words: str) -> None:
    found, told = said(*argv)
    assert (found, words in told) == (status, True), told


def test_an_orchestrators_folder_is_made_once_and_invites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "new")
    assert main(["orchestrator", "init", "--home", home, "--name", "fleet.example.com", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert json.loads(Path(made["fleet"]).read_bytes())["server"] == "https://fleet.example.com:8443"
    assert main(["orchestrator", "token", "--home", home, "--target", "host-a", "--ttl", "1h"]) == 0
    assert capsys.readouterr().out.startswith("stella_join_1_host-a_")
    assert main(["orchestrator", "init", "--home", home, "--name", "other.example.com"]) == 1
    assert "has an authority already" in capsys.readouterr().err
    assert main(["orchestrator", "token", "--home", str(tmp_path / "none"), "--target", "a"]) == 1
    assert "is no orchestrator's folder" in capsys.readouterr().err
    assert main(["orchestrator", "token", "--home", home, "--target", "host-a", "--ttl", "9d"]) == 64
