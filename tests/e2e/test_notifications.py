"""A real controller on a real engine tells a real receiver; and a receiver that is dead is nobody's trouble."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Controller, Stage, eventually
from tests.parts.webhook import Webhook

SECRET = base64.b64encode(b"a secret of the webhook, 32 bytes").decode()
PATH = "hook?token=a-token-in-the-address"
FAILS = {"config": {"healthCheck": {"timeout": "3s"}}}


@pytest.fixture
def receiver(stage: Stage) -> Iterator[Webhook]:
    """The stage's controllers notify it."""
    with Webhook() as listening:
        key, file = stage.folder / "notify.key", stage.folder / "notify.yaml"
        key.write_text(SECRET)
        channel = {"name": "on-call", "webhook": listening.url + PATH, "secretFile": key.name}
        file.write_text(json.dumps({"version": 1, "after": "1s", "channels": [channel]}))
        for path in (key, file):
            path.chmod(0o600)
        stage.settings["RECONCILER_NOTIFY"] = str(file)
        stage.plant("the secret of the webhook", SECRET)
        stage.plant("the token in the webhook's address", PATH.partition("=")[2])
        yield listening


def told(receiver: Webhook) -> list[tuple[str, str]]:
    return [(body["condition"], body["status"]) for body in receiver.received]


@pytest.mark.thorough
def test_a_release_that_fails_is_told_once_and_once_when_it_is_mended(
    stage: Stage, oracle: Oracle, receiver: Webhook
) -> None:
    stage.deploy_here("v1")
    stage.write(stage.web("v3", **FAILS))
    with stage.controller() as controller:
        eventually("it is told", lambda: receiver.received)
        assert controller.phase(stage.name) == "RolledBack"
    with stage.controller() as controller:
        eventually("it is known again", lambda: controller.phase(stage.name) == "RolledBack")
        time.sleep(2.5)
        assert told(receiver) == [("rolled-back", "firing")], "a restart tells nothing twice"
        stage.write(stage.web("v2"))
        eventually("its end is told", lambda: len(receiver.received) > 1)
        controller.settles(stage.name)
        assert controller.metric("reconciler_notifications_total", type="webhook", result="sent") == 1
    assert told(receiver) == [("rolled-back", "firing"), ("rolled-back", "resolved")]
    first, last = receiver.received
    assert first["subject"] == last["subject"] == {"kind": "document", "name": stage.name}
    assert first["reason"]
    assert stage.canary not in json.dumps(receiver.received)
    oracle.holds("v2")


def deploys_in(stage: Stage, controller: Controller, version: str) -> float:
    began = time.monotonic()
    stage.write(stage.web(version))
    eventually(f"{version} serves", lambda: stage.page() == f"web {version}")
    controller.settles(stage.name)
    return time.monotonic() - began


def test_a_receiver_that_hangs_changes_no_deploy_and_is_seen(
    stage: Stage, oracle: Oracle, receiver: Webhook
) -> None:
    receiver.manner = "hang"
    stage.write(stage.web("v1"))
    stage.write("kind: [Container\n", file="wrong.yaml")
    with stage.controller() as controller:
        controller.settles(stage.name)
        quiet = deploys_in(stage, controller, "v2")
        eventually("something is on its way", lambda: receiver.received)
        hanging = deploys_in(stage, controller, "v1")
        assert hanging < 2 * quiet + 3, (quiet, hanging)
        receiver.manner = "refuse"
        eventually(
            "that nobody takes it is counted",
            lambda: controller.metric("reconciler_notifications_total", type="webhook", result="failed"),
        )
        assert controller.stop() < 5
        assert controller.text.count("a channel of notifications does not deliver") == 1
    assert {condition for condition, _ in told(receiver)} == {"invalid"}
    oracle.holds("v1")
