"""A rollout with real programs on a real engine: what the agent observed is what lets it go on, or stops it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import as_yaml, merged
from tests.e2e.fleet.whole import WholeFleet
from tests.e2e.stage import Stage, eventually

pytestmark = pytest.mark.engine


@pytest.fixture
def fleet(stage: Stage) -> Iterator[WholeFleet]:
    """An orchestrator's folder; at the end the audit logs of both sides hold."""
    made = WholeFleet(stage=stage, polling=False)
    made.create()
    yield made
    made.assert_audited()


def put(fleet: WholeFleet, folder: Path, version: str, *, release: str = "", **rollout: Any) -> None:
    """The web app in waves, over the API. ``release``: "" for the image's own."""
    spec = {
        "release": {"id": release or version},
        "config": {"environment": None, "healthCheck": {"timeout": "3s"}},
        "rollout": rollout,
    }
    file = folder / "web.yaml"
    file.write_text(as_yaml(fleet.stage.web(version, **merged(spec, {}))))
    fleet.done("fleet", "put", str(file))


def rollout(fleet: WholeFleet) -> Any:
    return fleet.client.ask("GET", f"/v1/documents/{fleet.stage.name}")["rollout"]


def comes_to(fleet: WholeFleet, state: str) -> Any:
    eventually(f"the rollout is {state}", lambda: rollout(fleet)["state"] == state, within_s=60)
    return rollout(fleet)


def test_a_release_that_fails_on_its_host_ends_the_rollout_and_the_former_one_is_wished_for_again(
    fleet: WholeFleet, tmp_path: Path
) -> None:
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent():
            put(fleet, tmp_path, "v1", strategy="rolling")
            fleet.serves("v1")
            comes_to(fleet, "done")
            put(fleet, tmp_path, "v2", strategy="rolling", onBreach="rollback")
            fleet.serves("v2")
            comes_to(fleet, "done")
            put(fleet, tmp_path, "v3", strategy="rolling", onBreach="rollback")
            told = comes_to(fleet, "returned")
            assert told["reason"] == "1 of 1 hosts failed, and 0 may: host-a"
            fleet.serves("v2")
            eventually("it is told", lambda: fleet.reported(phase="converged", sync="synced", release="v2"))
            shown = fleet.done("fleet", "rollout", fleet.stage.name).stdout
            assert "rolling, returned: 0 of 1 hosts have it" in shown
            put(fleet, tmp_path, "v3", release="v4", strategy="rolling", onBreach="pause")
            comes_to(fleet, "paused")
            (there,) = fleet.client.ask("GET", f"/v1/documents/{fleet.stage.name}")["assigned"]
            assert there["reason"].startswith("wants v4, RolledBack: ")
            assert "is not healthy: its health check " in there["reason"]
    fleet.assert_audited("document-put")
