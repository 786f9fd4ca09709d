"""Talking to engines that are too old, broken, mute or not there."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from reconciler.core.desired import ImageReference
from reconciler.engine.client import DockerEngine
from reconciler.engine.connection import Connection, Request, route
from reconciler.errors import (
    EngineRefused,
    EngineUnavailable,
    EngineUnsupported,
    InvalidSettings,
    RegistryDenied,
    RegistryUnavailable,
    VerificationFailed,
)
from tests.engine.scripted import VERSION, Exchange, ScriptedEngine
from tests.parts.host import wait_until

IMAGE = ImageReference("registry.example.com/shop/web", "sha256:" + "e5" * 32)


def engine_at(server: ScriptedEngine) -> DockerEngine:
    return DockerEngine(server.url, clock=time.time, environment={})


def test_the_version_is_asked_once_and_spoken_from_then_on() -> None:
    with ScriptedEngine({"/containers/json": []}) as server:
        engine = engine_at(server)
        assert engine.list_containers() == engine.list_containers() == ()
        paths = [path for path, _, _ in server.seen]
    assert paths == ["/version", "/v1.41/containers/json?all=1", "/v1.41/containers/json?all=1"]


def test_a_newer_engine_is_spoken_to_in_a_version_we_know() -> None:
    with ScriptedEngine(
        {"/version": {**VERSION, "ApiVersion": "1.52"}, "/networks": [{"Name": "bridge"}]}
    ) as server:
        assert engine_at(server).list_networks() == {"bridge"}
        assert server.seen[-1][0] == "/v1.45/networks"


def test_an_engine_that_is_too_old_is_refused() -> None:
    with (
        ScriptedEngine({"/version": {**VERSION, "ApiVersion": "1.40"}}) as server,
        pytest.raises(EngineUnsupported, match="install Docker Engine"),
    ):
        engine_at(server).list_containers()


@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]", b"{}", b'{"ApiVersion": "\xff"}'])
def test_what_does_not_tell_its_version_is_no_engine_we_speak_with(answer: bytes) -> None:
    with (
        ScriptedEngine({"/version": lambda exchange: exchange.say(answer)}) as server,
        pytest.raises(EngineUnsupported, match=f"the engine at {server.url}"),
    ):
        engine_at(server).list_containers()


def test_an_engine_that_became_one_we_speak_with_is_spoken_to() -> None:
    with ScriptedEngine({"/version": {**VERSION, "ApiVersion": "1.40"}, "/networks": []}) as server:
        engine = engine_at(server)
        for _ in range(2):
            with pytest.raises(EngineUnsupported):
                engine.list_networks()
        server.scripts["/version"] = VERSION
        assert engine.list_networks() == frozenset()
        assert {path for path, _, _ in server.seen} == {"/version", "/v1.41/networks"}


def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    engine = DockerEngine(f"unix://{tmp_path}/none.sock", clock=time.time)
    with pytest.raises(EngineUnavailable, match="no answer from the engine"):
        engine.facts()


@pytest.mark.parametrize("url", ["nonsense://x", "tcp://"])
def test_an_address_that_is_none_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(InvalidSettings, match="engine address"):
        DockerEngine(url, clock=time.time, environment={}).list_containers()


def test_tls_files_that_are_not_there_are_a_setting_to_mend(tmp_path: Path) -> None:
    environment = {"DOCKER_CERT_PATH": str(tmp_path), "DOCKER_TLS_VERIFY": "1"}
    with pytest.raises(InvalidSettings):
        DockerEngine("tcp://127.0.0.1:1", clock=time.time, environment=environment).list_containers()


def test_what_is_no_json_is_no_engine() -> None:
    with (
        ScriptedEngine({"/containers/json": lambda exchange: exchange.say(b"<html>")}) as server,
        pytest.raises(EngineUnavailable, match="not JSON"),
    ):
        engine_at(server).list_containers()


def test_a_refusal_without_json_is_told_as_it_is() -> None:
    with (
        ScriptedEngine({"/networks": lambda exchange: exchange.say(b"<html> no", status=502)}) as server,
        pytest.raises(EngineRefused, match="listing networks: <html> no"),
    ):
        engine_at(server).list_networks()


def test_a_refusal_without_words_is_told_by_its_status() -> None:
    with (
        ScriptedEngine({"/networks": lambda exchange: exchange.say(b"", status=502)}) as server,
        pytest.raises(EngineRefused, match="status 502"),
    ):
        engine_at(server).list_networks()


def test_a_refused_version_is_an_error() -> None:
    with (
        ScriptedEngine({"/version": lambda exchange: exchange.say({"message": "go away"}, status=403)}) as server,
        pytest.raises(EngineUnsupported, match="go away"),
    ):
        engine_at(server).list_networks()


def test_an_engine_that_is_not_up_yet_is_unavailable() -> None:
    starting = {"message": "grpc: the connection is unavailable"}
    with (
        ScriptedEngine({"/version": lambda exchange: exchange.say(starting, status=500)}) as server,
        pytest.raises(EngineUnavailable, match="see its log") as caught,
    ):
        engine_at(server).list_networks()
    assert not isinstance(caught.value, EngineUnsupported)


def test_half_an_answer_is_no_answer_and_the_next_call_finds_the_new_engine() -> None:
    def half(exchange: Exchange) -> None:
        exchange.begin()
        exchange.chunk(b'[{"Na')
        exchange.close_connection = True

    with ScriptedEngine({"/networks": half}) as server:
        engine = engine_at(server)
        with pytest.raises(EngineUnavailable):
            engine.list_networks()
        server.scripts["/networks"] = []
        server.scripts["/version"] = {**VERSION, "ApiVersion": "1.43"}
        assert engine.list_networks() == frozenset()
        assert server.seen[-1][0] == "/v1.43/networks"


def test_half_a_version_is_no_answer() -> None:
    def half(exchange: Exchange) -> None:
        exchange.begin()
        exchange.chunk(b"{")
        exchange.close_connection = True

    with ScriptedEngine({"/version": half}) as server, pytest.raises(EngineUnavailable):
        engine_at(server).list_networks()


def test_a_mute_engine_is_not_waited_for_longer_than_said() -> None:
    with ScriptedEngine({"/networks": lambda exchange: exchange.server.ended.wait(20)}) as server:
        connection = Connection(server.url, environment={})
        began = time.monotonic()
        with pytest.raises(EngineUnavailable):
            connection.send("asking", Request(method="GET", path="/networks", timeout_s=0.2))
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_how_long_an_engine_may_be_mute_can_be_said_for_all_calls(method: str) -> None:
    with ScriptedEngine({"/networks": lambda exchange: exchange.server.ended.wait(20)}) as server:
        connection = Connection(server.url, environment={}, change_s=0.2)
        began = time.monotonic()
        with pytest.raises(EngineUnavailable, match="timed out"):
            connection.send("asking", Request(method=method, path="/networks"))
        assert time.monotonic() - began < 5


def test_an_engine_is_asked_for_no_longer_than_half_a_minute_however_long_a_change_may_take() -> None:
    connection = Connection("unix:///nowhere", environment={}, change_s=600.0)
    assert (connection.read_s, connection.change_s) == (30.0, 600.0)


def test_connections_are_kept_for_whichever_thread_comes_next() -> None:
    with ScriptedEngine({"/networks": []}) as server:
        engine = engine_at(server)
        for _ in range(3):
            thread = threading.Thread(target=engine.list_networks)
            thread.start()
            thread.join()
        engine.list_networks()
        assert server.connections == 1
        engine.close()


def test_what_ended_meanwhile_is_not_asked_again() -> None:
    def last(exchange: Exchange) -> None:
        exchange.say([])
        exchange.close_connection = True  # without a word of it, as an engine that is killed

    with ScriptedEngine({"/networks": last}) as server:
        engine = engine_at(server)
        for number in range(1, 4):
            assert engine.list_networks() == frozenset()
            assert wait_until(lambda so_far=number: server.left == so_far, seconds=5)  # type: ignore[misc]
        engine.close()


def test_a_unix_socket_needs_nothing_of_the_sdk() -> None:
    code = "import sys, reconciler.engine.client; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_parts_of_a_path_are_quoted_but_for_what_references_are_made_of() -> None:
    assert route("/images/{}/json", "a:1/b@sha256:0?x #/..") == "/images/a:1/b@sha256:0%3Fx%20%23/../json"


def docker_config(folder: Path, monkeypatch: pytest.MonkeyPatch, content: object) -> None:
    (folder / "config.json").write_text(json.dumps(content))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def pull(server: ScriptedEngine, *, deadline_s: float = 5) -> list[str]:
    lines: list[str] = []
    engine_at(server).pull(IMAGE, deadline_s=deadline_s, progress=lines.append)
    return lines


def streaming(*messages: object) -> object:
    def script(exchange: Exchange) -> None:
        exchange.begin()
        for message in messages:
            exchange.chunk(json.dumps(message).encode() + b"\r\n")
        exchange.chunk(b"")

    return script


def test_a_pull_takes_the_credentials_that_docker_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = base64.b64encode(b"ann:canary").decode()
    docker_config(tmp_path, monkeypatch, {"auths": {"registry.example.com": {"auth": secret}}})
    with ScriptedEngine({"/images/create": streaming({"status": "ok"})}) as server:
        assert pull(server) == []
        path, headers, _ = server.seen[-1]
    sent = json.loads(base64.urlsafe_b64decode(headers["X-Registry-Auth"]))
    assert (sent["username"], sent["password"]) == ("ann", "canary")
    assert "canary" not in path


def test_a_pull_without_credentials_sends_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_config(tmp_path, monkeypatch, {"auths": {"other.example.com": {"auth": "YTpi"}}})
    with ScriptedEngine({"/images/create": streaming()}) as server:
        pull(server)
        assert "X-Registry-Auth" not in server.seen[-1][1]


@pytest.mark.filterwarnings("ignore:docker-credential-no-such-helper")
def test_a_credential_helper_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_config(tmp_path, monkeypatch, {"credHelpers": {"registry.example.com": "no-such-helper"}})
    with ScriptedEngine() as server, pytest.raises(RegistryDenied, match="credentials"):
        pull(server)


def test_an_error_in_the_stream_is_an_error_after_status_200() -> None:
    messages = (
        {"status": "Pulling from shop/web", "id": "1"},
        {"error": "x", "errorDetail": {"message": "filesystem layer verification failed for digest sha256:0"}},
        {"status": "Status: Downloaded newer image"},
    )
    with ScriptedEngine({"/images/create": streaming(*messages)}) as server, pytest.raises(VerificationFailed):
        pull(server)


def test_an_error_without_details_is_an_error() -> None:
    with (
        ScriptedEngine({"/images/create": streaming({"error": "unexpected EOF"})}) as server,
        pytest.raises(RegistryUnavailable, match="unexpected EOF"),
    ):
        pull(server)


def test_a_pull_ends_at_its_deadline_while_bytes_still_come() -> None:
    def drip(exchange: Exchange) -> None:
        exchange.begin()
        while not exchange.server.ended.wait(0.05):
            exchange.chunk(b'{"status": "Downloading", "id": "a"}\n')

    with ScriptedEngine({"/images/create": drip}) as server:
        began = time.monotonic()
        with pytest.raises(RegistryUnavailable, match=r"not done after 0\.3 s"):
            pull(server, deadline_s=0.3)
        assert time.monotonic() - began < 5


def test_a_pull_ends_at_its_deadline_while_nothing_comes() -> None:
    with (
        ScriptedEngine({"/images/create": lambda exchange: exchange.server.ended.wait(20)}) as server,
        pytest.raises(RegistryUnavailable, match=r"not done after 0\.3 s"),
    ):
        pull(server, deadline_s=0.3)


def test_an_engine_that_dies_in_a_pull_is_unavailable() -> None:
    def die(exchange: Exchange) -> None:
        exchange.begin()
        exchange.chunk(b'{"status": "Downloading", "id": "a"}\n')
        exchange.close_connection = True

    with ScriptedEngine({"/images/create": die}) as server, pytest.raises(EngineUnavailable):
        pull(server)


def test_a_pull_from_no_engine_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable):
        DockerEngine(f"unix://{tmp_path}/x", clock=time.time).pull(IMAGE, deadline_s=1, progress=lambda line: None)


def test_lines_that_are_too_long_or_no_objects_are_passed_over() -> None:
    event = {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}, "timeNano": 7}

    def script(exchange: Exchange) -> None:
        exchange.begin()
        for part in (b"x" * 3_000_000, b"y\n", b"[]\nno json\n\n", json.dumps(event).encode()):
            exchange.chunk(part)
        exchange.chunk(b"")

    with ScriptedEngine({"/events": script}) as server:
        events = list(engine_at(server).events(since_ns=None))
    assert [event.container_id for event in events] == ["c1"]


def test_a_last_line_that_is_too_long_is_passed_over() -> None:
    def script(exchange: Exchange) -> None:
        exchange.begin()
        exchange.chunk(b"x" * 3_000_000)
        exchange.chunk(b"")

    with ScriptedEngine({"/events": script}) as server:
        assert list(engine_at(server).events(since_ns=None)) == []


def test_events_are_asked_for_after_the_last_one_seen() -> None:
    with ScriptedEngine({"/events": streaming()}) as server:
        assert list(engine_at(server).events(since_ns=1_700_000_000_000_000_001)) == []
        assert "since=1700000000.000000002" in server.seen[-1][0]


def test_refused_events_are_an_error() -> None:
    with (
        ScriptedEngine({"/events": lambda exchange: exchange.say({"message": "no"}, status=400)}) as server,
        pytest.raises(EngineRefused, match="listening"),
    ):
        engine_at(server).events(since_ns=None)


def test_an_event_stream_ends_quietly_when_the_engine_dies() -> None:
    def die(exchange: Exchange) -> None:
        exchange.begin()
        exchange.close_connection = True

    with ScriptedEngine({"/events": die}) as server:
        assert list(engine_at(server).events(since_ns=None)) == []


def test_an_event_stream_is_closed_from_another_thread_again_and_again() -> None:
    def hang(exchange: Exchange) -> None:
        exchange.begin()
        exchange.server.ended.wait(20)

    with ScriptedEngine({"/events": hang}) as server:
        stream = engine_at(server).events(since_ns=None)
        closer = threading.Timer(0.2, stream.close)
        closer.start()
        assert list(stream) == []
        closer.join()
        stream.close()


def test_a_closed_stream_tells_nothing_more() -> None:
    event = {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}, "timeNano": 7}
    with ScriptedEngine({"/events": streaming(event, event)}) as server:
        stream = engine_at(server).events(since_ns=None)
        next(stream)
        stream.close()
        assert list(stream) == []
