"""Engines that are not behind a unix socket are reached by the SDK, and answer and fail in the same way."""

from __future__ import annotations

import json
import threading
import time

import pytest

from reconciler.core.desired import ImageReference
from reconciler.engine.client import DockerEngine
from reconciler.engine.connection import Connection, Request
from reconciler.engine.sdk_transport import SdkTransport
from reconciler.errors import EngineRefused, EngineUnavailable, RegistryUnavailable
from tests.engine.scripted import Exchange, ScriptedTcpEngine

IMAGE = ImageReference("registry.example.com/shop/web", "sha256:" + "e5" * 32)


def engine_at(server: ScriptedTcpEngine) -> DockerEngine:
    return DockerEngine(server.url, clock=time.time, environment={})


def hang(exchange: Exchange) -> None:
    exchange.begin()
    exchange.server.ended.wait(20)


def test_questions_and_changes_are_carried() -> None:
    with ScriptedTcpEngine({"/containers/json": [], "/networks/create": {"Id": "n1"}}) as server:
        engine = engine_at(server)
        assert engine.list_containers() == ()
        engine.create_network("shop")
        engine.close()
        (path, headers, body) = server.seen[-1]
    assert path == "/v1.41/networks/create"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["Name"] == "shop"


def test_a_refusal_is_an_answer() -> None:
    with ScriptedTcpEngine() as server, pytest.raises(EngineRefused, match="page /networks not found"):
        engine_at(server).list_networks()


def test_nobody_there_is_unavailable() -> None:
    with ScriptedTcpEngine() as server:
        url = server.url
    with pytest.raises(EngineUnavailable, match="connection refused"):
        DockerEngine(url, clock=time.time, environment={}).list_networks()


def test_half_an_answer_is_no_answer() -> None:
    def half(exchange: Exchange) -> None:
        exchange.begin()
        exchange.chunk(b'[{"Na')
        exchange.close_connection = True

    with ScriptedTcpEngine({"/networks": half}) as server:
        engine = engine_at(server)
        with pytest.raises(EngineUnavailable):
            engine.list_networks()
        server.scripts["/networks"] = []
        assert engine.list_networks() == frozenset()
        engine.close()


def test_a_mute_engine_is_not_waited_for_longer_than_said() -> None:
    with ScriptedTcpEngine({"/networks": lambda exchange: exchange.server.ended.wait(20)}) as server:
        connection = Connection(server.url, environment={})
        began = time.monotonic()
        with pytest.raises(EngineUnavailable, match="timed out"):
            connection.send("asking", Request(method="GET", path="/networks", timeout_s=0.2))
        assert time.monotonic() - began < 5


def test_a_pull_ends_at_its_deadline_while_nothing_comes() -> None:
    with (
        ScriptedTcpEngine({"/images/create": lambda exchange: exchange.server.ended.wait(20)}) as server,
        pytest.raises(RegistryUnavailable, match=r"not done after 0\.3 s"),
    ):
        engine_at(server).pull(IMAGE, deadline_s=0.3, progress=lambda line: None)


def test_an_event_stream_tells_and_is_closed_from_another_thread() -> None:
    event = {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}, "timeNano": 7}

    def one_then_hang(exchange: Exchange) -> None:
        exchange.begin()
        exchange.chunk(json.dumps(event).encode() + b"\n")
        exchange.server.ended.wait(20)

    with ScriptedTcpEngine({"/events": one_then_hang}) as server:
        stream = engine_at(server).events(since_ns=None)
        assert next(stream).container_id == "c1"
        closer = threading.Timer(0.2, stream.close)
        closer.start()
        assert list(stream) == []
        closer.join()


def test_each_thread_has_a_client_of_its_own() -> None:
    transport = SdkTransport({"DOCKER_HOST": "tcp://127.0.0.1:1"})
    clients = [transport.client()]
    thread = threading.Thread(target=lambda: clients.append(transport.client()))
    thread.start()
    thread.join()
    assert clients[0] is transport.client()
    assert clients[0] is not clients[1]
    transport.close()
