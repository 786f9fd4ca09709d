"""Engines whose API we do not speak: a proxy before the real engine tells another version to the whole program."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.engine_fault import EngineFault, asks
from tests.parts.socket_proxy import SocketProxy

TOO_OLD = {"Version": "19.03.15", "ApiVersion": "1.40", "MinAPIVersion": "1.12"}
TOO_NEW = {"Version": "99.0.1", "ApiVersion": "1.99", "MinAPIVersion": "1.90"}
REASONS = {
    "19.03.15": ("speaks API 1.40; this reconciler needs 1.41 or newer", "install Docker Engine 20.10 or newer"),
    "99.0.1": ("speaks API 1.90 or newer only; this reconciler speaks 1.41 to 1.45", "install a newer reconciler"),
}
SOON = {"RECONCILER_RESYNC": "1"}


@pytest.fixture(autouse=True)
def _itself_again(proxy: SocketProxy) -> Iterator[None]:
    """Other tests use the same proxy."""
    yield
    proxy.heal()


def tells(content: object) -> EngineFault:
    """From now on the engine calls itself this."""
    return EngineFault(asks("GET", "/version"), "error", times=0, status=200, content=json.dumps(content).encode())


@pytest.mark.fault("E9")
@pytest.mark.parametrize("told", [TOO_OLD, TOO_NEW], ids=["too old", "too new"])
def test_an_engine_of_another_time_is_refused_with_both_versions_and_what_to_do(
    told: dict[str, str], stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """Nothing is touched, every command and page says why; once it is another engine, all goes on by itself."""
    reason, hint = REASONS[told["Version"]]
    stage.write(stage.web("v1"))
    proxy.fault(tells(told))
    proxy.forget()
    (finding,) = [
        item
        for item in json.loads(stage.reconciler("doctor", "--json", engine=proxy.url).stdout)["findings"]
        if item["subject"] == "engine"
    ]
    assert finding["level"] == "error"
    assert proxy.url in finding["detail"]
    assert f"(Docker {told['Version']}) {reason}" in finding["detail"]
    assert hint in finding["fix"]
    done = stage.reconciler("apply", engine=proxy.url)
    assert (done.returncode, reason in done.stderr, hint in done.stderr) == (1, True, True)
    with stage.started(RECONCILER_ENGINE=proxy.url, **SOON) as controller:
        eventually("it says so", lambda: reason in controller.text)
        assert controller.metric("reconciler_engine_up") == 0
        assert controller.page("readyz") == ""
        assert controller.page("healthz")
        eventually("it asks again", lambda: len(proxy.broken) > 4)
        assert proxy.mutating() == ()
        proxy.heal()
        eventually("the document is followed", lambda: stage.page() == "web v1")
        eventually("it is ready", controller.ready)
        assert controller.metric("reconciler_engine_up") == 1
        controller.settles(stage.name)
    oracle.holds("v1")


@pytest.mark.fault("E9")
def test_a_running_controller_leaves_an_engine_alone_that_was_replaced_by_an_older_one(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """What runs goes on serving, no release is held against its document, and the next engine gets it."""
    stage.deploy_here("v1")
    with stage.controller(RECONCILER_ENGINE=proxy.url, **SOON) as controller:
        proxy.fault(EngineFault(asks("GET", "/containers/json"), "reset"), tells(TOO_OLD))
        eventually("it notices", lambda: controller.metric("reconciler_engine_up") == 0)
        assert controller.page("readyz") == ""
        proxy.forget()
        stage.write(stage.web("v2"))
        seen = len(proxy.broken)
        eventually("it asks again", lambda: len(proxy.broken) > seen + 1)
        assert proxy.mutating() == ()
        assert stage.page() == "web v1"
        proxy.heal()
        eventually("v2 serves", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
    assert [item["release"] for item in stage.history()["generations"]] == ["v1", "v2"]
    oracle.holds("v2")


@pytest.mark.fault("E9")
@pytest.mark.parametrize("told", [[], {}, {"Version": "26.1"}], ids=["a list", "nothing", "no API version"])
def test_what_tells_no_version_is_told_to_be_no_engine(told: object, stage: Stage, proxy: SocketProxy) -> None:
    """And not that it is too old."""
    proxy.fault(tells(told))
    stage.write(stage.web("v1"))
    said = stage.reconciler("plan", engine=proxy.url)
    assert said.returncode == 1
    assert "it has to be a Docker engine" in said.stderr
    assert "Traceback" not in said.stderr
