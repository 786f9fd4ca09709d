"""Fixtures of the tests of the whole program: a stage on an engine of this process or of its own, and the oracle.

A plugin (the root conftest names it): the end-to-end tests and the faults share one proxy and one stranger.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.canary import Arguments
from tests.e2e.compose.shop import Catalogue
from tests.e2e.oracle import Oracle
from tests.e2e.search import search
from tests.e2e.stage import Stage
from tests.parts.engine import PrivateEngine
from tests.parts.project_images import publish_project_images
from tests.parts.registry import PrivateRegistry
from tests.parts.socket_proxy import SocketProxy
from tests.parts.standard_images import StandardImages
from tests.parts.warm import WarmPrograms

STRANGER = "somebody-elses"


@pytest.fixture(scope="session")
def proxy(engine: PrivateEngine) -> Iterator[SocketProxy]:
    """Records what is asked of this process's engine by whoever goes through it."""
    with SocketProxy(engine.socket) as listening:
        yield listening


@pytest.fixture(scope="session")
def catalogue(registry: PrivateRegistry, images: StandardImages) -> Catalogue:
    """All images that services are made of, pushed and not yet pulled."""
    return Catalogue(standard=images, project=publish_project_images(registry.address))


@pytest.fixture(scope="session")
def stranger(engine: PrivateEngine, images: StandardImages) -> str:
    """A foreign container that runs on this process's engine through all tests."""
    with contextlib.closing(docker.APIClient(base_url=engine.url, version="auto")) as sdk:
        return run_stranger(sdk, images)


@pytest.fixture(scope="session")
def arguments() -> Iterator[Arguments]:
    """Sees the arguments of every process that lives longer than a moment."""
    with Arguments() as watching:
        yield watching


@pytest.fixture(scope="session")
def programs() -> Iterator[WarmPrograms]:
    """Begin at once."""
    with WarmPrograms() as warm:
        yield warm


def assert_searched(request: pytest.FixtureRequest) -> None:
    """A test of the program that uses none of the stages would go unsearched."""
    real = request.node.get_closest_marker("engine") is not None
    searched = {"stage", "fresh_stage"}.intersection(request.fixturenames)
    assert searched or not real, "this test uses no stage, so that nobody looks for what it lets out"


@pytest.fixture
def stage(  # noqa: PLR0917  (fixtures come by name)
    engine: PrivateEngine,
    images: StandardImages,
    sdk: docker.APIClient,
    prefix: str,
    stranger: str,
    tmp_path: Path,
    arguments: Arguments,
    programs: WarmPrograms,
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    """An empty stage, with two foreign containers on its engine: one that runs, and one whose name looks like a
    backup of ours.
    """
    made = Stage(folder=tmp_path, engine=engine, images=images, prefix=prefix, sdk=sdk, programs=programs)
    sdk.create_container(images.plain.reference, name=f"{made.name}-previous-g99")
    with reported(made, request), searched(made, arguments):
        yield made


@pytest.fixture
def oracle(stage: Stage, proxy: SocketProxy) -> Oracle:
    """What is on the engine now is foreign."""
    return Oracle(stage, proxy)


@pytest.fixture
def fresh_stage(
    fresh_engine: PrivateEngine,
    images: StandardImages,
    tmp_path: Path,
    arguments: Arguments,
    programs: WarmPrograms,
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    """A stage whose engine may be killed. A foreign container runs on it."""
    with contextlib.closing(docker.APIClient(base_url=fresh_engine.url, version="auto", timeout=60)) as sdk:
        run_stranger(sdk, images)
        made = Stage(
            folder=tmp_path, engine=fresh_engine, images=images, prefix="fresh", sdk=sdk, programs=programs
        )
        with reported(made, request), searched(made, arguments):
            yield made
            made.showed("kills", fresh_engine.kills)


@contextlib.contextmanager
def reported(stage: Stage, request: pytest.FixtureRequest) -> Iterator[None]:
    """Afterwards the stage's figures go into the report of this test."""
    try:
        yield
    finally:
        request.node.user_properties += [(name, value) for name, found in stage.figures.items() for value in found]


@contextlib.contextmanager
def searched(stage: Stage, arguments: Arguments) -> Iterator[None]:
    """Afterwards, whatever the test did, no planted value may be where it must not be."""
    arguments.forget()
    try:
        yield
        search(stage, arguments)
    finally:
        stage.close()


@pytest.fixture
def fresh_oracle(fresh_stage: Stage) -> Iterator[Oracle]:
    """The oracle of ``fresh_stage``."""
    with SocketProxy(fresh_stage.engine.socket) as listening:
        yield Oracle(fresh_stage, listening)


def run_stranger(sdk: docker.APIClient, images: StandardImages) -> str:
    """Run a container that has nothing to do with us; its id."""
    sdk.pull(images.plain.reference)
    made = sdk.create_container(images.plain.reference, name=STRANGER)
    sdk.start(made["Id"])
    return str(made["Id"])
