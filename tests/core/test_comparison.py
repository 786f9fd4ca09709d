"""What is wanted beside what is there: agrees with the Drift, tells what is as it should be, and no secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.comparison import Field, compare
from reconciler.core.container import ContainerConfig
from reconciler.core.counterpart import Counterpart
from reconciler.core.delivery import delivered_file, sealed_variable
from reconciler.core.desired import DriftPolicy
from reconciler.core.drift import FIELDS
from reconciler.core.situation import Situation
from reconciler.core.views import view_of
from tests.core.compose.host import Host, service
from tests.core.compose.host import document as project_document
from tests.core.test_drift import DECLARED, OTHERS, deployed
from tests.simulator.player import Player

PLAYER = deployed(DECLARED)


def live(situation: Situation, **changes: Any) -> Situation:
    """The situation with these fields of the live container changed."""
    (found,) = view_of(situation).counterparts()
    assert found.detail is not None
    changed = replace(found.detail, config=replace(found.detail.config, **changes))
    details = {**situation.observation.details, changed.id: changed}
    return replace(situation, observation=replace(situation.observation, details=details))


def fields(situation: Situation) -> dict[str, Field]:
    """All fields of the one container, by path."""
    view = view_of(situation)
    (found,) = view.counterparts()
    return {item.path: item for item in compare(found, view.drift)}


def differing(situation: Situation) -> set[tuple[str, str, str]]:
    return {
        (item.path, item.wanted, item.found) for item in fields(situation).values() if item.standing == "differs"
    }


def test_what_was_just_deployed_is_the_same_in_every_field_that_was_asked_for() -> None:
    found = fields(PLAYER.situation("web"))
    assert {item.standing for item in found.values()} == {"same"}
    assert all(item.wanted == item.found for item in found.values())
    for attribute, _, path in FIELDS:
        if getattr(DECLARED, attribute) is not None:
            assert any(name == path or name.startswith(f"{path}.") for name in found), path
    assert found["state"] == Field("state", "running", "running", "same")
    assert found["config.memoryLimit"].found == "64Mi"


@settings(max_examples=30)
@given(st.sets(st.sampled_from(sorted(OTHERS)), max_size=4))
def test_what_differs_is_what_the_drift_says(changed: set[str]) -> None:
    situation = live(PLAYER.situation("web"), **{name: OTHERS[name] for name in changed})
    drift = view_of(situation).drift
    assert differing(situation) == {(item.path, item.wanted, item.found) for item in drift}
    marks = [item.standing == "differs" for item in fields(situation).values()]
    assert marks == sorted(marks, reverse=True)


def test_a_difference_that_the_document_ignores_is_told_as_that() -> None:
    player = deployed(DECLARED)
    player.want(replace(player.documents["web"], drift=DriftPolicy(ignore=("config.memoryLimit", "digest"))))
    situation = live(player.situation("web"), memory_bytes=128 << 20)
    assert fields(situation)["config.memoryLimit"] == Field("config.memoryLimit", "64Mi", "128Mi", "ignored")
    assert differing(situation) == set()


@pytest.mark.parametrize("known", [True, False])
def test_another_image_differs_as_the_drift_says(known: bool) -> None:
    situation = PLAYER.situation("web")
    (found,) = view_of(situation).counterparts()
    assert found.detail is not None
    seen = situation.observation
    other = replace(found.detail, image_id=f"sha256:{'d' * 64}", image_reference="elsewhere")
    seen = replace(seen, details={other.id: other}, references=seen.references if known else {})
    record = situation.record if known else replace(situation.record, revisions=())
    changed = replace(situation, observation=seen, record=record)
    assert fields(changed)["digest"].standing == "differs"
    assert fields(changed)["digest"].found == f"image {'d' * 12}"


def test_secrets_are_masked_by_name_and_wherever_their_value_occurs() -> None:
    before, after = ({"DB_PASSWORD": value, "LEVEL": "info"} for value in ("hunter2", "hunter3"))
    player = deployed(ContainerConfig(environment=before, command=("serve", "--password=hunter2")))
    found = fields(live(player.situation("web"), environment=after, user="hunter3"))
    path = "config.environment.DB_PASSWORD"
    assert found[path] == Field(path, "***", "***", "differs")
    assert found["config.command"].found == "[serve, --password=***]"
    assert found["config.user"].found == "***"
    assert "hunter" not in repr(found)


def test_a_container_that_was_not_inspected_is_told_by_its_row_alone() -> None:
    situation = PLAYER.situation("web")
    (found,) = view_of(situation).counterparts()
    bare = Counterpart(row=replace(found.row, health="unhealthy"), situation=found.situation, detail=None)
    told = {item.path: item.found for item in compare(bare, ())}
    assert told == {"config.containerName": "web", "state": "running", "health": "unhealthy"}


def test_where_nothing_runs_there_is_nothing_to_compare() -> None:
    player = Player(PLAYER.world, replace(PLAYER.documents["web"], name="other", container_name="other"))
    assert view_of(player.situation("other")).counterparts() == ()


def test_what_is_delivered_is_told_by_its_version() -> None:
    file = delivered_file("/etc/app.yml", b"level: info")
    secret = sealed_variable("db", "sealed", "DB")
    player = deployed(DECLARED, deliveries=(file,), variables=(secret,))
    found = fields(player.situation("web"))
    assert found["config.files./etc/app.yml"].found == file.short
    assert found["config.secrets.db"] == Field("config.secrets.db", secret.short, secret.short, "same")
    rotated = sealed_variable("db", "sealed anew", "DB")
    player.want(replace(player.documents["web"], variables=(rotated,)))
    found = fields(player.situation("web"))
    assert found["config.secrets.db"] == Field("config.secrets.db", rotated.short, secret.short, "differs")


def test_each_container_of_a_project_is_compared_and_a_difference_is_that_of_one() -> None:
    host = Host(behaviours={"job": "done"})
    web = service("web", replicas=2, config={"memory_bytes": 1 << 28})
    host.settle(project_document("1", web, service("job", completes=True)))
    situation = host.situation()
    job, first, second = view_of(situation).counterparts()
    assert second.detail is not None
    assert (job.prefix, first.prefix, second.prefix) == ("services.job.", "services.web.", "services.web.")
    changed = replace(second.detail, config=replace(second.detail.config, memory_bytes=1 << 29))
    seen = replace(situation.observation, details={**situation.observation.details, changed.id: changed})
    view = view_of(replace(situation, observation=seen))
    told = [{item.path: item for item in compare(part, view.drift)} for part in view.counterparts()]
    assert told[0]["state"] == Field("state", "exited", "exited", "same")
    assert [part["config.memoryLimit"].standing for part in told[1:]] == ["same", "differs"]
