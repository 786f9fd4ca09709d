"""The commands of operators, with a running orchestrator and its agents."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from reconciler import strict_json
from reconciler.__main__ import main
from reconciler.cli.fleet_client import open_fleet
from reconciler.core.selector_text import words_of
from reconciler.errors import InputError, InvalidSettings, TemporaryError, TerminalError
from reconciler.orchestrator.app import need_store
from reconciler.orchestrator.store import artifacts, tasks
from reconciler.protocol.message.payload import ExecuteCommandPayload, UploadFilesPayload
from reconciler.protocol.message.session import DocumentReport
from reconciler.protocol.session.events import Begin
from tests.orchestrator.fleet import Agent, Fleet, eventually, fleet, moment
from tests.orchestrator.test_assign import PROJECT, WEB
from tests.parts.notify_socket import notify_socket
from tests.parts.ports import free_port

NORTH = WEB.replace(", target: host-a", "").replace("spec:", "spec:\n  targets: {matchLabels: {region: north}}")


def waited(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.05)


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
                await eventually(lambda: "web" in self.agent.documents)
                self._ready.set()
                await self._stop.wait()

    def tell(self, report: DocumentReport) -> None:
        """What the agent's next heartbeat tells."""
        self._loop.call_soon_threadsafe(lambda: self.agent.session.observed([report], moment()))

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
    (tmp_path / "secrets.json").write_text('{"secrets": {"db": "the word"}}')
    files = ("--file", str(tmp_path / "web.yaml"), "--credentials", str(tmp_path / "secrets.json"))
    status, told = said("task", "submit", "deploy", "--target", "host-a", *files, "--wait", "--json")
    assert status == 0, told
    begun = [item.entry.task for item in town.agent.of(Begin) if item.entry.task.type == "deploy"]
    assert begun[-1].document == "web"
    assert begun[-1].credentials is not None
    assert "the word" not in json.dumps(told)
    assert "the word" not in said("task", "show", told["tasks"][0]["id"], "--json")[1]["task"].values()


def test_files_below_a_folder_are_kept_and_named_in_an_upload_task(said: Any, town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "app.conf").write_bytes(b"port = 1")
    (folder / "d" / "app.conf").chmod(0o640)
    where = ("--from", str(folder), "--into", "/srv/app")
    status, told = said("task", "submit", "upload-files", "--target", "host-a", *where, "--json")
    assert status == 0, told
    with town.world.server.database.read() as on:
        payload = tasks.find(on, told["tasks"][0]["id"]).task.payload
        assert isinstance(payload, UploadFilesPayload)
        (file,) = payload.files
        assert (payload.directory, file.path, file.mode, file.size_bytes) == ("/srv/app", "d/app.conf", "0640", 8)
        assert artifacts.fetch(on, "host-a", file.sha256) in {b"port = 1", None}  # None: it is over already
    (folder / "link").symlink_to("d")
    assert "is a link" in said("task", "submit", "upload-files", "--target", "host-a", *where)[1]
    empty = ("--from", str(tmp_path / "files" / "d"), "--into", "/srv/app", "--payload", "x")
    assert said("task", "submit", "upload-files", "--target", "host-a", *empty)[0] == 64


def test_a_command_is_asked_for_by_its_name(said: Any, town: Town) -> None:
    words = ("--target", "host-a", "--document", "web", "--json", "--command", "flush", "--argument", "-x")
    status, told = said("task", "submit", "execute-command", *words, "--service", "cache")
    assert status == 0, told
    with town.world.server.database.read() as on:
        payload = tasks.find(on, told["tasks"][0]["id"]).task.payload
    assert payload == ExecuteCommandPayload(command="flush", arguments=("-x",), service="cache")
    assert said("task", "submit", "execute-command", "--target", "host-a", "--service", "cache")[0] == 64
    assert said("task", "submit", "inspect", "--target", "host-a", "--command", "flush")[0] == 64


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


def test_a_host_is_given_labels_and_loses_them(said: Any) -> None:
    assert said("fleet", "label", "host-a", "role=front") == (0, "host-a: region=north, role=front\n")
    assert said("fleet", "label", "host-a", "role-", "--json")[1]["agent"]["labels"] == {"region": "north"}
    for wrong in ("role", "=x", "role=", "-"):
        status, told = said("fleet", "label", "host-a", "--", wrong)
        assert (status, "is neither KEY=VALUE nor KEY-" in told) == (64, True), told


def test_a_rollout_is_shown_and_decided_about(said: Any, town: Town, tmp_path: Path) -> None:
    file = tmp_path / "slow.yaml"
    slow = WEB.replace("{name: web, target: host-a}", "{name: slow}").replace("8080", "8083")
    file.write_text(slow.replace("spec:", "spec:\n  rollout: {strategy: rolling}"))
    assert said("fleet", "put", str(file))[0] == 0
    client = open_fleet(town.settings)
    waited(lambda: client.ask("GET", "/v1/documents/slow")["rollout"]["going"] == 1)
    line = "slow: rolling, going: 0 of 1 hosts have it, 1 at work"
    assert said("fleet", "rollout", "slow") == (0, f"{line}\n")
    assert line in said("fleet", "status")[1]
    assert line in said("fleet", "documents", "slow")[1]
    assert said("fleet", "status", "--json")[1]["rollouts"][0]["document"] == "slow"
    status, told = said("fleet", "rollout", "slow", "pause", "--json")
    assert (status, told["rollout"]["reason"]) == (0, "paused by stella://admin/ada")
    assert "rollout paused: paused by" in said("fleet", "documents")[1]
    assert "does not go out in waves" in said("fleet", "rollout", "web")[1]
    assert said("fleet", "remove", "slow")[0] == 0


def test_a_document_is_put_got_changed_and_removed(said: Any, town: Town, tmp_path: Path) -> None:
    file = tmp_path / "mail.yaml"
    file.write_text(WEB.replace("name: web", "name: mail").replace("8080", "8082"))
    assert said("fleet", "put", str(file)) == (0, "mail is put, revision 1\n")
    assert said("fleet", "get", "mail") == (0, file.read_text().rstrip() + "\n")
    assert said("fleet", "put", str(file), "--json")[1]["document"]["revision"] == 2
    status, told = said("fleet", "put", str(file), "--revision", "1")
    assert (status, "is in revision 2 by now" in told) == (1, True), told
    assert "api" in said("fleet", "documents")[1]
    file.write_text(WEB.replace("name: web", "name: mail"))
    status, told = said("fleet", "put", str(file))
    assert (status, f"{file}:9:19: spec.config.ports: host port 8080" in told) == (1, True), told
    file.write_text(WEB.replace("image:", "imag:"))
    assert f"{file}:7:3: spec.imag: unknown key" in said("fleet", "put", str(file))[1]
    file.write_text(WEB)
    assert "stands in the orchestrator's folder (web.yaml:" in said("fleet", "put", str(file))[1]
    file.write_text(f"{WEB}---\n{WEB}")
    assert "is not one document" in said("fleet", "put", str(file))[1]
    assert said("fleet", "remove", "mail", "--revision", "1")[0] == 1
    assert said("fleet", "remove", "mail") == (
        0,
        "mail is removed; its containers stay until each host prunes them\n",
    )
    assert "no document 'mail'" in said("fleet", "remove", "mail")[1]


def test_documents_are_shown_with_where_they_go_and_why_not(said: Any, town: Town) -> None:
    file = town.folder / "home" / "desired" / "north.yaml"
    file.write_text(
        WEB.replace("{name: web, target: host-a}", "{name: north}").replace("8080", "8081")
        .replace("spec:", "spec:\n  targets: {names: [host-a, host-z], matchLabels: {region: south}}")
    )  # fmt: skip
    client = open_fleet(town.settings)
    waited(lambda: len(client.ask("GET", "/v1/documents")["items"]) == 2)
    status, told = said("fleet", "documents")
    heads = [line.split()[:4] for line in told.splitlines() if line.startswith("DOCUMENT")]
    assert (status, heads) == (0, [["DOCUMENT", "FROM", "FOR", "HOSTS"]])
    assert "host-a, host-z; region=south" in told
    assert said("fleet", "documents", "--target", "host-a", "--json")[1]["documents"][0]["id"] == "web"
    status, told = said("fleet", "documents", "north")
    assert (status, "no host has joined under this name" in told) == (0, True), told
    waited(lambda: "delivered" in said("fleet", "documents", "web")[1])
    town.tell(DocumentReport(id="web", phase="blocked", reason="wants 1, Blocked: no disk"))
    waited(lambda: "wants 1, Blocked: no disk" in said("fleet", "documents", "web")[1])
    assert said("fleet", "documents", "web", "--json")[1]["document"]["notAssigned"] == []
    file.write_text("kind: [")
    waited(lambda: bool(client.ask("GET", "/v1/documents")["problems"]))
    assert "north.yaml:2:1" in said("fleet", "documents")[1]
    file.unlink()
    waited(lambda: not client.ask("GET", "/v1/documents")["problems"])


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({}, "every host"),
        ({"target": "host-a"}, "host-a"),
        ({"names": ["b", "a"], "matchLabels": {"y": "1", "x": "2"}}, "b, a; x=2; y=1"),
        ({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["v", "w"]}]}, "k not in (v, w)"),
        ({"matchExpressions": [{"key": "k", "operator": "Exists"}]}, "k"),
        ({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}, "no k"),
    ],
)
def test_a_selector_is_read_aloud(targets: Any, words: str) -> None:
    assert words_of(targets) == words


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


def test_settings_that_cannot_be_read_are_told_before_anything_is_made(tmp_path: Path, said: Any) -> None:
    """A token is told once: made and not told, it would be lost."""
    home, config = str(tmp_path / "new"), str(tmp_path / "none.toml")
    name = ("--name", "fleet.example.com")
    status, told = said("orchestrator", "init", "--home", home, *name, "--config", config)
    assert (status, "none.toml is not there" in told) == (64, True)
    assert not Path(home).exists()
    assert said("orchestrator", "init", "--home", home, *name)[0] == 0
    token = ("orchestrator", "token", "--home", home, "--target", "host-a")
    assert said(*token, "--config", config)[0] == 64
    assert "token-made" not in said("orchestrator", "events", "--home", home)[1]
    assert said(*token)[0] == 0
    assert "token-made" in said("orchestrator", "events", "--home", home)[1]


def test_documents_tokens_and_pages_are_asked_for_over_the_api(town: Town) -> None:
    client = open_fleet(town.settings)
    assert "web" in [item["id"] for item in client.pages("/v1/documents", {"target": "host-a"}, most=10)]
    assert client.ask("GET", "/v1/documents/web")["text"].startswith("{")
    assert list(client.pages("/v1/documents", {"target": "host-z"}, most=10)) == []
    with pytest.raises(InputError, match="no document 'none'"):
        client.ask("GET", "/v1/documents/none")
    token = client.ask("POST", "/v1/tokens", body={"agent": "host-x", "ttlSeconds": 60})
    assert token["id"] in [item["id"] for item in client.ask("GET", "/v1/tokens")["items"]]
    assert client.ask("DELETE", f"/v1/tokens/{token['id']}") is None
    for _ in range(3):
        body = {"type": "inspect", "targets": {"target": "host-a"}, "payload": {}, "idempotencyKey": str(uuid4())}
        client.ask("POST", "/v1/tasks", body=body)
    page = client.ask("GET", "/v1/tasks", query={"limit": 2})
    assert len(page["items"]) == 2
    rest = client.ask("GET", "/v1/tasks", query={"limit": 2, "cursor": page["next"]})
    assert not {item["id"] for item in rest["items"]} & {item["id"] for item in page["items"]}
    for query in ({"limit": 0}, {"cursor": "x"}, {"state": "odd"}):
        with pytest.raises(InputError):
            client.ask("GET", "/v1/tasks", query=query)


def test_settings_and_answers_that_cannot_be_used_are_told(tmp_path: Path, town: Town) -> None:
    (tmp_path / "fleet.json").write_text("{}")
    with pytest.raises(InvalidSettings, match="cannot be used"):
        open_fleet(tmp_path / "fleet.json")
    (tmp_path / "fleet.json").write_text('{"server": "https://127.0.0.1:1", "passport": "p.pem"}')
    (tmp_path / "p.pem").write_bytes((town.settings.parent / "passport.pem").read_bytes())
    with pytest.raises(InvalidSettings, match=r"p\.pem"):
        open_fleet(tmp_path / "fleet.json")
    (tmp_path / "p.pem").chmod(0o600)
    with pytest.raises(TemporaryError, match="could not ask the orchestrator"):
        open_fleet(tmp_path / "fleet.json").ask("GET", "/v1/agents")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("inspect", "--target", "a", "--label", "odd"), "--label is KEY=VALUE"),
        (("inspect", "--target", "a", "--file", "web.yaml"), "--file is for deploy"),
        (("inspect", "--label", "a=b", "--credentials", "web.yaml"), "sealed for one agent"),
        (("deploy", "--target", "a", "--payload", "web.yaml"), "is not a JSON object"),
        (("deploy", "--target", "a", "--file", "two.yaml"), "is not one document"),
        (("deploy", "--target", "a", "--file", "bad.yaml"), "bad.yaml:"),
        (("deploy", "--target", "a", "--file", "shop.yaml"), "comes with files"),
        (("deploy", "--target", "a", "--file", "north.yaml"), "web says spec.targets, which"),
    ],
)
def test_requests_that_cannot_be_made_are_told(
    said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "web": WEB,
        "two": f"{WEB}---\n{WEB}",
        "bad": "kind: [",
        "shop": PROJECT,
        "north": NORTH,
    }.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    status, told = said("task", "submit", *argv)
    assert status in {1, 64}
    assert words in told


def page_status(port: int, **headers: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/", headers=headers)
        with connection.getresponse() as answer:
            return answer.status


def test_the_program_runs_until_it_is_told_to_stop_and_alone(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    listen = ("--listen", "127.0.0.1:0", "--enroll", "127.0.0.1:0")
    assert main(["orchestrator", "init", "--home", home, "--name", "localhost", *listen]) == 0
    token, port = tmp_path / "token", free_port()
    token.write_text("t" * 32)
    token.chmod(0o600)
    where = ("--monitor", f"127.0.0.1:{port}", "--web-token-file", str(token))
    argv = [sys.executable, "-m", "reconciler", "orchestrator", "run", "--home", home, *where]
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
    with (
        notify_socket(environment["NOTIFY_SOCKET"]) as manager,
        subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment) as program,
    ):
        assert program.stderr is not None
        assert "the orchestrator runs" in program.stderr.readline()
        assert page_status(port) == 401
        assert page_status(port, Authorization=f"Bearer {'t' * 32}") == 200
        assert main(["orchestrator", "run", "--home", home]) == 1, "another one holds the folder"
        assert main(["orchestrator", "token", "--home", home, "--target", "host-a"]) == 0, "also while it runs"
        waited(lambda: all(manager.hears(word) for word in ("READY=1", "WATCHDOG=1", "STATUS=ready")))
        program.send_signal(signal.SIGTERM)
        assert "the orchestrator has stopped" in program.stderr.read()
        assert program.wait(20) == 0
        assert manager.told()[-1] == "STOPPING=1"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["orchestrator", "run", "--home", home, "--listen", address]) == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.orchestrator.app.LIBRARIES", ("sqlalchemy", "not_there"))
    with pytest.raises(TerminalError, match="not_there") as error:
        need_store()
    assert "pip install '.[orchestrator]' in a checkout" in error.value.hint


def test_people_are_given_certificates_and_lose_them(town: Town, said: Any, tmp_path: Path) -> None:
    home = ("--home", str(town.folder / "home"))
    for name, more in (("grace", ()), ("vic", ("--viewer",))):
        assert said("orchestrator", "admin", name, *more, *home, "--out", str(tmp_path / name))[0] == 0
        settings = {"version": 1, "server": town.world.url, "passport": "passport.pem"}
        (tmp_path / name / "fleet.json").write_bytes(strict_json.canonical(settings))
        assert said("fleet", "status", "--fleet", str(tmp_path / name / "fleet.json"))[0] == 0
    assert "is not empty" in said("orchestrator", "admin", "grace", *home, "--out", str(tmp_path / "grace"))[1]
    assert said("orchestrator", "admin", "grace", *home)[0] == 64
    assert said("orchestrator", "admin", "grace", *home, "--revoke") == (0, "grace is revoked\n")
    status, told = said("fleet", "status", "--fleet", str(tmp_path / "grace" / "fleet.json"))
    assert (status, "is revoked" in told) == (1, True)
    assert said("fleet", "status", "--fleet", str(tmp_path / "vic" / "fleet.json"))[0] == 0
    events = said("orchestrator", "events", *home, "--json")[1]["events"]
    assert {"certificate-made", "revoked"} <= {item["what"] for item in events}
    assert "certificate-made" in said("orchestrator", "events", *home)[1]
