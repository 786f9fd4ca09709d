"""The host's policy, with the real program on a real engine."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage, eventually

pytestmark = pytest.mark.engine


@pytest.mark.fault("F14")
def test_what_the_policy_refuses_never_reaches_the_engine(stage: Stage) -> None:
    stage.deploy("v1")
    socket = stage.engine.url.removeprefix("unix://")
    before = stage.identity()
    stage.write(stage.web("v2", config={"volumes": [f"{socket}:/run/docker.sock:ro"]}))
    done = stage.apply(expect=5)
    assert "the host's policy refuses" in done.stdout + done.stderr
    assert "rule engineSocket" in done.stdout + done.stderr
    assert stage.identity() == before
    assert stage.page() == "web v1"
    stage.permit(engineSocket=True)
    stage.apply()
    eventually("the new release answers", lambda: stage.page() == "web v2")


POWERS = {
    "hostPaths": {"volumes": ["/etc:/host:ro"]},
    "hostNamespaces": {"networks": ["host"]},
    "capabilities": {"capAdd": ["SYS_ADMIN"]},
    "devices": {"devices": ["/dev/kmsg"]},
}


@pytest.mark.fault("F14")
def test_every_power_over_the_host_is_refused_by_its_rule_and_nothing_is_touched(stage: Stage) -> None:
    stage.deploy("v1")
    before = stage.identity()
    for rule, config in POWERS.items():
        stage.write(stage.web("v2", config=config))
        done = stage.apply(expect=5)
        assert f"rule {rule}" in done.stdout + done.stderr, rule
    stage.write(stage.web("v2", config={"privileged": True}))
    refused = stage.reconciler("apply", stage.name)
    assert refused.returncode != 0
    assert "privileged" in refused.stdout + refused.stderr
    assert stage.identity() == before
    assert stage.page() == "web v1"


def test_a_running_controller_hears_of_a_new_policy_and_never_of_a_wrong_one(stage: Stage) -> None:
    stage.write(stage.web("v1", config={"capAdd": ["SYS_TIME"]}))
    with stage.controller(RECONCILER_RESYNC="1") as controller:
        eventually("it is refused", lambda: "SYS_TIME" in stage.status()["reason"])
        stage.policy.write_text("version: 1\ncapabilities: all\n")
        eventually("the wrong policy is told", lambda: "policy.yaml:2:15" in controller.text)
        assert stage.ours() == {}
        stage.permit(capabilities=["SYS_TIME"])
        controller.settles(stage.name)
        stage.permit()
        stage.docker("stop", "-t", "0", stage.name)
        eventually("it is healed under the tighter policy", lambda: stage.ours() == {stage.name: "running"})


def test_a_policy_that_others_can_write_keeps_the_controller_from_starting(stage: Stage) -> None:
    stage.policy.chmod(0o666)
    for words in (("run",), ("apply",)):
        done = stage.reconciler(*words)
        assert done.returncode == 64
        assert "can be written by others" in done.stderr
