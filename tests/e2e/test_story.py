"""The main story, step by step: what a person does, what the host does, and what is shown of it."""

from __future__ import annotations

import json

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.warm import ColdPrograms

pytestmark = pytest.mark.both_engines

EVENTS_ONLY = {"RECONCILER_RESYNC": "600"}
"""What is healed sooner than this was heard of by the engine's events."""


def test_a_document_becomes_a_container_that_serves(stage: Stage, oracle: Oracle) -> None:
    stage.programs = ColdPrograms()  # as people start it
    stage.write(stage.web("v1"))
    done = stage.apply()
    assert "converged" in done.stdout
    assert stage.page() == "web v1"
    oracle.holds("v1")
    assert stage.status()["sync"] == "Synced"


def test_an_edit_to_another_release_replaces_the_container(stage: Stage, oracle: Oracle) -> None:
    before = stage.deploy("v1")
    after = stage.deploy("v2")
    assert stage.page() == "web v2"
    assert after["Id"] != before["Id"]
    sticker = json.loads(stage.sticker().read_text())
    assert sticker["release"]["id"] == "v2"
    assert sticker["previous"]["releaseId"] == "v1"
    oracle.holds("v2")


def test_a_container_removed_by_hand_is_healed_by_the_event(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    with stage.controller(**EVENTS_ONLY) as controller:
        stage.docker("rm", "-f", stage.name)
        eventually("it serves again", lambda: stage.page() == "web v1", within_s=5)
        eventually("it is counted", lambda: controller.metric("reconciler_heals_total", reason="missing") == 1)
    oracle.holds("v1")


def test_a_limit_changed_by_hand_is_shown_and_corrected_without_a_restart(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1", config={"memoryLimit": "64Mi"})
    identity = stage.identity()
    stage.docker("update", "--memory", "128m", "--memory-swap", "128m", stage.name)
    drift = {item["path"]: (item["wanted"], item["found"]) for item in stage.plan()["drift"]}
    assert drift["config.memoryLimit"] == ("64Mi", "128Mi")
    assert stage.status()["sync"] == "OutOfSync"
    with stage.controller(**EVENTS_ONLY):
        eventually("64Mi", lambda: stage.inspect()["HostConfig"]["Memory"] == 64 << 20)
        eventually("recorded", lambda: "update-limits" in stage.reconciler("why", stage.name).stdout)
    assert stage.identity() == identity
    oracle.holds("v1")


@pytest.fixture
def quarantined(stage: Stage, oracle: Oracle) -> Stage:
    """v2 serves after v3 failed."""
    stage.deploy_here("v2")
    stage.write(stage.web("v3"))
    done = stage.apply(expect=3)
    assert "rolled-back" in done.stdout
    return stage


@pytest.mark.fault("K1")
def test_a_release_that_fails_is_rolled_back_and_not_tried_again(quarantined: Stage, oracle: Oracle) -> None:
    assert quarantined.page() == "web v2"
    status = quarantined.status()
    assert (status["phase"], status["running"]["release"]) == ("RolledBack", "v2")
    assert "not healthy" in status["quarantined"]
    tries = quarantined.history()["generations"]
    assert [item["release"] for item in tries] == ["v2", "v3"]
    assert quarantined.apply(expect=5).stdout.count("held") == 1
    assert quarantined.apply(expect=5)
    assert quarantined.history()["generations"] == tries
    oracle.holds("v2")


def test_what_went_before_is_healed_while_a_release_is_quarantined(quarantined: Stage, oracle: Oracle) -> None:
    quarantined.docker("rm", "-f", quarantined.name)
    quarantined.apply(expect=5)
    assert quarantined.page() == "web v2"
    oracle.holds("v2")


@pytest.mark.fault("F15")
def test_editing_back_ends_the_quarantine(quarantined: Stage, oracle: Oracle) -> None:
    identity = quarantined.identity()
    quarantined.write(quarantined.web("v2"))
    quarantined.apply()
    assert quarantined.identity() == identity
    assert quarantined.status()["phase"] == "Converged"
    assert list(quarantined.ours()) == [quarantined.name]
    oracle.holds("v2")


def test_clearing_a_quarantine_has_the_release_tried_again(quarantined: Stage, oracle: Oracle) -> None:
    assert quarantined.reconciler("clear", quarantined.name).returncode == 0
    quarantined.apply(expect=3)
    assert [item["release"] for item in quarantined.history()["generations"]] == ["v2", "v3", "v3"]
    oracle.holds("v2")


def test_the_whole_story_in_the_running_controller(stage: Stage, oracle: Oracle) -> None:
    stage.programs = ColdPrograms()  # as people start it
    stage.write(stage.web("v2"))
    with stage.controller(**EVENTS_ONLY) as controller:
        eventually("v2 serves", lambda: stage.page() == "web v2")
        stage.write(stage.web("v3"))
        eventually(
            "v3 is quarantined", lambda: controller.metric("reconciler_quarantined", document=stage.name) == 1
        )
        eventually("v2 serves again", lambda: stage.page() == "web v2")
        eventually("it says so", lambda: controller.phase(stage.name) == "RolledBack")
        assert stage.reconciler("status").returncode == 2
        stage.write(stage.web("v2"))
        eventually("all is well", lambda: controller.phase(stage.name) == "Converged")
        assert stage.reconciler("status").returncode == 0
    oracle.holds("v2")
