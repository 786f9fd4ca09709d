"""Deploy tasks whose document cannot be carried out on this host: told at once, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.fleet.fleet import Fleet

pytestmark = pytest.mark.engine


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "policy": ({"config": {"volumes": ["/etc:/x"]}}, "blocked", "the host's policy refuses"),
    "schema": ({"config": {"colour": "red"}}, "invalid-document", "spec.config.colour: unknown key"),
    "secret": ({"config": {"secrets": [{"name": "db"}]}}, "invalid-document", "encrypted"),
    "dependency": ({"dependsOn": [{"name": "nobody"}]}, "invalid-document", 'is called "nobody"'),
    "fleet": ({"targets": {"names": ["host-a"]}}, "invalid-document", "spec.targets"),
    "suspension": ({"suspend": {"reason": "a look", "by": "ana"}}, "held", "suspended by ana"),
}


@pytest.mark.parametrize("before", [False, True], ids=["first", "later"])
def test_a_document_that_this_host_refuses_is_told_at_once_and_changes_nothing(
    fleet: Fleet, *, before: bool
) -> None:
    with fleet.agent():
        if before:
            assert fleet.orchestrator.result(fleet.deploy("v1")).outcome == "succeeded"
        for number, (spec, kind, told) in enumerate((*CASES.values(), CASES["policy"])):
            asked = {**spec, "release": {"id": f"r{number % len(CASES)}"}}
            result = fleet.orchestrator.result(fleet.deploy("v2", spec=asked, timeout_seconds=300), within_s=20)
            assert (result.outcome, result.error_type) == ("refused", kind), result.error
            assert told in (result.error or "")
        assert fleet.stage.page() == ("web v1\n".strip() if before else "")


def test_what_a_task_brings_gets_the_defaults_of_the_host(fleet: Fleet) -> None:
    stage, orchestrator = fleet.stage, fleet.orchestrator
    defaults = {"apiVersion": "stella/v1", "kind": "Defaults", "spec": {"config": {"pidsLimit": 77}}}
    stage.write(defaults, file="defaults.yaml")
    with fleet.agent():
        result = orchestrator.result(fleet.deploy("v1"))
        assert (result.outcome, result.error) == ("succeeded", None)
        assert stage.inspect(stage.name)["HostConfig"]["PidsLimit"] == 77
        stage.write({**defaults, "spec": {"config": {"pidsLimit": 78}}}, file="defaults.yaml")
        assert orchestrator.result(fleet.deploy("v2")).outcome == "succeeded"
        assert stage.inspect(stage.name)["HostConfig"]["PidsLimit"] == 78
