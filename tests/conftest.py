"""Fixtures: real parts for tests marked ``engine``.

One engine and one registry per test process (xdist worker): they start in about 0.3 s, so nothing is shared
between processes, there is no last-one-out rule, and a test may count calls without hearing those of others.
Where a part is not installed the tests fail and say what to install: a skipped test proves nothing.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress

import docker
import hypothesis
import pytest
import structlog

from reconciler.cli.late_logs import LateHandler
from tests.parts import engine_program
from tests.parts.browser import Browser
from tests.parts.engine import PrivateEngine
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import StandardImages, publish_standard_images
from tests.parts.thorough import leave_to_thorough_runs

pytest_plugins = ["tests.e2e.fixtures", "tests.faults.report"]

# Properties are never timed. A run of CI gives the same answer for the same tree; elsewhere each run tries others.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

_ENGINE_FIXTURES = {"engine", "engine_url", "fresh_engine", "registry", "images"}
_ENGINE_TEST_TIMEOUT_S = 180
_LEVEL, _LINES = logging.getLogger().level, structlog.get_config()


def pytest_report_header() -> str:
    """Which engine the tests run on; whether it can be had is found out by those that need it."""
    wanted = os.environ.get(engine_program.VARIABLE)
    return f"Docker Engine: {wanted or 'of this machine'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What uses a real part is marked ``engine`` and gets more time; more of the same waits to be asked for."""
    if not os.environ.get("THOROUGH"):
        leave_to_thorough_runs(config, items)
    for item in items:
        if _ENGINE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.engine)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_ENGINE_TEST_TIMEOUT_S))


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a command sets up for its log lines goes with its test: nobody after it would be heard. What a fixture
    for more than one test has set up goes before it: that one came before this.
    """
    _forget_ways_out()
    yield
    _forget_ways_out()


def _forget_ways_out() -> None:
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, LateHandler) or isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)
    root.setLevel(_LEVEL)
    structlog.configure(**_LINES)


@pytest.fixture(scope="session")
def engine() -> Iterator[PrivateEngine]:
    """The engine of this test process. Who kills it starts it again; better: ``fresh_engine``."""
    with PrivateEngine() as started:
        yield started


@pytest.fixture(scope="session")
def engine_url(engine: PrivateEngine) -> str:
    """``unix://...`` of this test process's engine."""
    return engine.url


@pytest.fixture
def fresh_engine() -> Iterator[PrivateEngine]:
    """An engine of the test's own, to be killed, restarted or filled at will."""
    with PrivateEngine() as started:
        yield started


@pytest.fixture(scope="session")
def registry() -> Iterator[PrivateRegistry]:
    """The registry of this test process; ``registry.address`` is ``127.0.0.1:<port>``."""
    with PrivateRegistry() as started:
        yield started


@pytest.fixture(scope="session")
def images(registry: PrivateRegistry) -> StandardImages:
    """The standard images, pushed and not yet pulled."""
    return publish_standard_images(registry.address)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once for this test process."""
    with Browser() as started:
        yield started


@pytest.fixture
def sdk(engine_url: str) -> Iterator[docker.APIClient]:
    """The SDK's low-level client on the engine, to prepare and to look (never to stand in for our own code)."""
    client = docker.APIClient(base_url=engine_url, version="auto", timeout=60)
    yield client
    client.close()


@pytest.fixture
def prefix(sdk: docker.APIClient) -> Iterator[str]:
    """Unique text for the names of containers, networks and volumes; whatever begins with it is removed
    afterwards.
    """
    text = f"t{uuid.uuid4().hex[:8]}"
    yield text
    for row in sdk.containers(all=True):
        if any(name.startswith(f"/{text}") for name in row["Names"] or ()):
            with suppress(docker.errors.NotFound):  # what was asked for before it may only be over now
                sdk.remove_container(row["Id"], force=True, v=True)
    for network in sdk.networks():
        if network["Name"].startswith(text):
            sdk.remove_network(network["Id"])
    for volume in sdk.volumes()["Volumes"] or ():
        if volume["Name"].startswith(text):
            sdk.remove_volume(volume["Name"], force=True)
