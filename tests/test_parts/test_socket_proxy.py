"""The recording proxy, before a real engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import requests.exceptions

from tests.parts.engine import PrivateEngine, answers
from tests.parts.engine_fault import EngineFault, asks, changing, everything
from tests.parts.socket_proxy import SocketProxy
from tests.parts.standard_images import StandardImages


@pytest.fixture
def proxy(engine: PrivateEngine) -> Iterator[SocketProxy]:
    with SocketProxy(engine.socket) as started:
        yield started


@pytest.fixture
def through(proxy: SocketProxy) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=proxy.url, version="1.41", timeout=30)
    yield client
    client.close()


def paths(proxy: SocketProxy) -> list[str]:
    return [f"{request.method} {request.path.partition('?')[0]}" for request in proxy.requests]


def test_every_request_of_a_kept_connection_is_recorded(proxy: SocketProxy, through: docker.APIClient) -> None:
    through.containers(all=True)
    through.containers(all=True)
    through.networks()
    assert paths(proxy) == ["GET /v1.41/containers/json", "GET /v1.41/containers/json", "GET /v1.41/networks"]
    assert proxy.mutating() == ()
    proxy.forget()
    assert proxy.requests == ()


def test_a_whole_life_of_a_container_passes_and_changes_are_told_from_reads(
    proxy: SocketProxy, through: docker.APIClient, images: StandardImages, prefix: str
) -> None:
    pulled = list(through.pull(images.job.reference, stream=True, decode=True))
    container = through.create_container(images.job.reference, name=f"{prefix}-job")["Id"]
    through.start(container)
    assert through.wait(container)["StatusCode"] == 0
    assert through.logs(container) == b""
    through.remove_container(container)
    assert "Digest" in pulled[-2]["status"]
    assert [f"{r.method} {r.path.partition('?')[0]}" for r in proxy.mutating()] == [
        "POST /v1.41/images/create",
        "POST /v1.41/containers/create",
        f"POST /v1.41/containers/{container}/start",
        f"DELETE /v1.41/containers/{container}",
    ]


def test_uploads_pass_whole(
    proxy: SocketProxy, through: docker.APIClient, images: StandardImages, prefix: str
) -> None:
    through.pull(images.plain.reference)
    container = through.create_container(images.plain.reference, name=f"{prefix}-box")["Id"]
    archive = b"".join(through.get_archive(container, "/bin/busybox")[0])
    assert through.put_archive(container, "/tmp", iter([archive[:100_000], archive[100_000:]]))
    assert b"".join(through.get_archive(container, "/tmp/busybox")[0])[512:] == archive[512:]
    assert proxy.mutating()[-1].method == "PUT"


def test_a_hijacked_connection_carries_both_directions(
    through: docker.APIClient, images: StandardImages, prefix: str
) -> None:
    through.pull(images.plain.reference)
    container = through.create_container(images.plain.reference, ["cat"], name=f"{prefix}-cat", stdin_open=True)
    attached = through.attach_socket(container, params={"stdin": 1, "stdout": 1, "stream": 1})
    through.start(container)
    raw: socket.socket = attached._sock
    raw.sendall(b"GET /not-a-request HTTP/1.1\r\n\r\n")
    raw.settimeout(10)
    assert b"/not-a-request" in raw.recv(4096)
    raw.close()
    attached.close()


def test_events_arrive_while_the_stream_is_open(
    through: docker.APIClient, sdk: docker.APIClient, prefix: str
) -> None:
    stream = through.events(decode=True, filters={"type": "volume"})
    made = threading.Timer(0.2, sdk.create_volume, [f"{prefix}-v"])
    made.start()
    event = next(iter(stream))
    stream.close()
    made.join()
    assert (event["Action"], event["Actor"]["ID"]) == ("create", f"{prefix}-v")


def test_stopping_breaks_open_connections(engine: PrivateEngine) -> None:
    proxy = SocketProxy(engine.socket)
    proxy.start()
    client = docker.APIClient(base_url=proxy.url, version="1.41", timeout=30)
    stream = client.events(decode=True)
    stopper = threading.Timer(0.2, proxy.stop)
    stopper.start()
    assert list(stream) == []
    stopper.join()
    client.close()
    assert not proxy.socket.exists()
    assert answers(engine.socket)


def test_without_an_engine_the_connection_ends_unanswered() -> None:
    with SocketProxy(Path("/nonexistent/docker.sock")) as proxy:
        assert not answers(proxy.socket)
        client = docker.APIClient(base_url=proxy.url, version="1.41", timeout=30)
        with pytest.raises(requests.exceptions.ConnectionError):
            client.ping()
        client.close()


def test_an_error_is_told_in_the_engine_s_form_and_the_engine_hears_nothing(
    proxy: SocketProxy, through: docker.APIClient, images: StandardImages, prefix: str
) -> None:
    through.pull(images.plain.reference)
    proxy.fault(EngineFault(asks("POST", "/containers/create"), "error", status=409, message="broken here"))
    with pytest.raises(docker.errors.APIError, match="broken here") as refused:
        through.create_container(images.plain.reference, name=f"{prefix}-one")
    assert refused.value.status_code == 409
    assert [request.method for request in proxy.broken] == ["POST"]
    assert through.containers(all=True, filters={"name": prefix}) == []
    through.create_container(images.plain.reference, name=f"{prefix}-one")


def test_a_lost_answer_is_of_a_request_that_was_done(
    proxy: SocketProxy, through: docker.APIClient, images: StandardImages, prefix: str
) -> None:
    through.pull(images.plain.reference)
    proxy.fault(EngineFault(changing, "lost"))
    with pytest.raises(requests.exceptions.ConnectionError):
        through.create_container(images.plain.reference, name=f"{prefix}-one")
    (row,) = through.containers(all=True, filters={"name": prefix})
    assert row["Names"] == [f"/{prefix}-one"]


def test_the_nth_connection_breaks_and_those_after_it_until_it_was_enough(
    proxy: SocketProxy, through: docker.APIClient
) -> None:
    proxy.fault(EngineFault(everything, "reset", nth=2, times=2))
    through.networks()
    for _ in range(2):
        with pytest.raises(requests.exceptions.ConnectionError):
            through.networks()
    through.networks()
    assert len(proxy.broken) == 2


def test_who_gets_no_answer_has_it_when_the_proxy_is_healed(proxy: SocketProxy, through: docker.APIClient) -> None:
    proxy.fault(EngineFault(everything, "hang", times=0))
    healed = threading.Timer(0.3, proxy.heal)
    healed.start()
    with pytest.raises(requests.exceptions.ConnectionError):
        through.networks()
    healed.join()
    assert through.networks()
