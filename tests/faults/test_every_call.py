"""Each call of the engine fails in turn, in each way: what follows is one whole release, and nothing left over.

Like SQLite's tests of failing allocations: a deploy is carried out with its first call broken, then with its
second, until a deploy has no call any more that could be. The passes run in this process, on a real engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import get_args

import docker
import pytest

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.errors import ReconcilerError
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, unheard
from tests.parts.engine_fault import EngineFault, How, asks, everything
from tests.parts.http_stream import Request
from tests.parts.socket_proxy import SocketProxy

Way = tuple[How, int]
WAYS: tuple[Way, ...] = (*((how, 500) for how in get_args(How)), ("error", 409))
PARTS = 5
"""The calls are dealt out to so many tests."""

MOST_CALLS = 200
PATIENCE = {"RECONCILER_ENGINE_TIMEOUT": "3"}
LOSABLE = {
    "create": asks("POST", r"/containers/create"),
    "start": asks("POST", r"/containers/\w+/start"),
    "rename": asks("POST", r"/containers/\w+/rename"),
    "stop": asks("POST", r"/containers/\w+/stop"),
}


class Deploys:
    """Deploys of v1 and v2, in turn, through a proxy."""

    def __init__(self, stage: Stage, proxy: SocketProxy) -> None:
        self._stage = stage
        self._proxy = proxy
        self._number = 0

    def begin(self) -> None:
        """The document asks for the other release, whose image is not there yet."""
        self._number += 1
        with suppress(docker.errors.APIError):  # one that is in use
            self._stage.sdk.remove_image(self._stage.image(self.release).reference)
        self._stage.write(self._stage.web(self.release))

    @property
    def release(self) -> str:
        return f"v{1 + self._number % 2}"

    def apply(self, *faults: EngineFault) -> str:
        """The outcome of a pass in which these go wrong, if it comes to them."""
        environment = {**self._stage.environment(self._proxy.url), **PATIENCE}
        settings = load_settings({}, environment=environment, folder=self._stage.folder, file=None, root=True)
        with open_service(settings, exclusive=True) as service, broken(self._proxy, *faults):
            try:
                (applied,) = service.apply((self._stage.name,), progress=unheard)
            except ReconcilerError:  # before anything was planned, as a command's error
                return "failed"
        return applied.outcome

    def end(self, about: str) -> None:
        """The next pass, undisturbed; after one that took back what was left half-done, one more.
        A release whose failure looked like its own fault is held; then what went before serves, and the release is
        tried once more on request.
        """
        outcome = self.apply()
        if outcome == "failed":
            self.serves(about, f"v{2 - self._number % 2}")
            outcome = self.apply()
        if outcome == "held":
            self.serves(about, f"v{2 - self._number % 2}")
            self._stage.here("clear", self._stage.name)
            outcome = self.apply()
        assert outcome == "converged", f"{about}: {outcome}"
        self.serves(about, self.release)

    def serves(self, about: str, release: str) -> None:
        """One container, which runs that release."""
        containers = self._stage.ours()
        running = {name: state for name, state in containers.items() if "-failed-g" not in name}
        assert running == {self._stage.name: "running"}, f"{about}: {containers}"
        image = self._stage.inspect()["Image"]
        assert image == self._stage.image(release).image_id, f"{about}: not {release}"


@contextmanager
def broken(proxy: SocketProxy, *faults: EngineFault) -> Iterator[None]:
    """While the block runs these go wrong."""
    proxy.fault(*faults)
    try:
        yield
    finally:
        proxy.heal()


def call_after_call(stage: Stage, proxy: SocketProxy, calls: Iterable[tuple[int, Way]]) -> None:
    """Deploy after deploy, each with one broken call, until there is none any more that could be broken."""
    deploys = Deploys(stage, proxy)
    stage.deploy_here("v1")
    for number, (how, status) in calls:
        deploys.begin()
        deploys.apply(EngineFault(everything, how, nth=number, status=status))
        hit = [f"{item.method} {item.path}" for item in proxy.broken]
        deploys.end(f"call {number}, {how} {status}: {hit}")
        if not hit:
            return
    raise AssertionError(f"a deploy has more than {MOST_CALLS} calls")


@pytest.mark.every_run("0")
@pytest.mark.fault("C18")
@pytest.mark.parametrize("part", range(PARTS))
def test_any_call_of_the_engine_may_fail(part: int, stage: Stage, oracle: Oracle, proxy: SocketProxy) -> None:
    """In one way or another: compensated, the next pass ends with one whole release."""
    numbers = range(1 + part, MOST_CALLS, PARTS)
    call_after_call(stage, proxy, ((number, WAYS[number % len(WAYS)]) for number in numbers))
    oracle.holds()


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.fault("C18")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_any_call_of_the_engine_may_fail_in_any_way(
    way: Way, stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """All of the table."""
    call_after_call(stage, proxy, ((number, way) for number in range(1, MOST_CALLS)))
    oracle.holds()


@pytest.mark.fault("C18", "E8")
@pytest.mark.parametrize("call", LOSABLE)
def test_the_answer_to_a_change_is_lost(call: str, stage: Stage, oracle: Oracle, proxy: SocketProxy) -> None:
    """The engine has done it and nobody knows: no second container, and the release is not blamed for it."""
    deploys = Deploys(stage, proxy)
    stage.deploy_here("v1")
    deploys.begin()
    lost = deploys.apply(EngineFault(LOSABLE[call], "lost"))
    assert [item.method for item in proxy.broken] == ["POST"]
    assert lost in {"converged", "failed"}
    assert json.loads(stage.here("history", stage.name, "--json"))["quarantined"] == []
    assert deploys.apply() == "converged"
    deploys.serves(call, "v2")
    oracle.holds("v2")


@pytest.mark.fault("E8")
def test_the_answer_to_a_create_is_lost_and_the_engine_is_away_then(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """Nobody can look whether there is a container now: what the engine has made is ours all the same, and goes.
    The pass that takes it back tells what went wrong; the one after it tries again.
    """
    deploys = Deploys(stage, proxy)
    stage.deploy_here("v1")
    deploys.begin()
    created: list[Request] = []

    def creates(request: Request) -> bool:
        if LOSABLE["create"](request):
            created.append(request)
        return bool(created)

    away = EngineFault(lambda _: bool(created), "reset", times=0)
    assert deploys.apply(EngineFault(creates, "lost"), away) == "failed"
    assert len(stage.ours()) == 2
    assert deploys.apply() == "failed"
    deploys.serves("create", "v1")
    assert deploys.apply() == "converged"
    deploys.serves("create", "v2")
    oracle.holds("v2")
