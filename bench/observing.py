"""A no-op look at the host: our Observer against one raw list call, at several numbers of containers."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import docker

from bench.measure import Row, in_turns, row
from reconciler.core.desired import ImageReference, StickerPlace
from reconciler.core.observation import Subject
from reconciler.engine.client import DockerEngine
from reconciler.engine.observe import Observer
from reconciler.sticker_store import StickerStore
from tests.parts.engine import PrivateEngine
from tests.parts.images import PublishedImage
from tests.parts.registry import PrivateRegistry
from tests.parts.socket_proxy import SocketProxy
from tests.parts.standard_images import publish_standard_images

SIZES = (10, 100)
ROUNDS = 30
TARGET = 1.5


def rows() -> Iterator[Row]:
    """Start an engine, fill it with containers, measure."""
    with PrivateEngine() as engine, PrivateRegistry() as registry:
        image = publish_standard_images(registry.address).plain
        sdk = docker.APIClient(base_url=engine.url, version="auto", timeout=60)
        sdk.pull(image.reference)
        made = 0
        for size in SIZES:
            for number in range(made, size):
                sdk.create_container(image.reference, name=f"web-{number}", labels={"n": str(number)})
            made = size
            yield _measure(engine, image, size)
        sdk.close()


def _measure(engine: PrivateEngine, image: PublishedImage, size: int) -> Row:
    reference = ImageReference(image.repository, image.digest)
    subjects = [_subject(f"web-{number}", reference, engine.folder) for number in range(size)]
    ours = DockerEngine(engine.url, clock=time.time)
    observer = Observer(ours, StickerStore(ours), full_every_s=600, clock=time.monotonic)
    raw = _RawClient(engine.socket)
    high = docker.DockerClient(base_url=engine.url, version="auto")
    try:
        medians = in_turns(
            {
                "floor": raw.list_containers,
                "ours": lambda: observer.observe(subjects),
                "SDK containers.list()": lambda: high.containers.list(all=True),
            },
            rounds=ROUNDS,
        )
    finally:
        ours.close()
        raw.close()
        high.close()
    calls = _calls_of_a_pass(engine, subjects)
    return row(f"look at {size} unchanged containers", medians, target=TARGET, note=f"{calls} call(s)")


def _calls_of_a_pass(engine: PrivateEngine, subjects: list[Subject]) -> int:
    """Engine calls of a second pass, as seen on the socket."""
    with SocketProxy(engine.socket) as proxy:
        ours = DockerEngine(proxy.url, clock=time.time)
        observer = Observer(ours, StickerStore(ours), full_every_s=600, clock=time.monotonic)
        observer.observe(subjects)
        proxy.forget()
        observer.observe(subjects)
        ours.close()
        return len(proxy.requests)


def _subject(name: str, image: ImageReference, folder: Path) -> Subject:
    place = StickerPlace(location="host", path=str(folder / f"{name}.json"))
    return Subject(
        name=name,
        container_names=(name,),
        container_ids=frozenset(),
        images=(image,),
        image_ids=frozenset(),
        sticker=place,
    )


class _RawClient:
    """The least that Python can do: one kept connection, one request, JSON read."""

    def __init__(self, path: Path) -> None:
        self._connection = http.client.HTTPConnection("localhost")
        self._connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.sock.connect(str(path))

    def list_containers(self) -> object:
        self._connection.request("GET", "/v1.41/containers/json?all=1")
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        self._connection.close()
