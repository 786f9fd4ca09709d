from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core import names
from reconciler.core.container import ContainerConfig
from reconciler.core.desired import ImageReference
from reconciler.core.observation import ContainerDetail, ContainerRow
from reconciler.errors import EngineUnavailable, NameTaken, NotFound, StateUnwritable, VerificationFailed
from tests.executors.stage import Stage
from tests.simulator.engine import SimulatedEngine


def ready() -> Stage:
    stage = Stage()
    stage.pulled()
    stage.intent()
    return stage


def test_a_created_container_is_journalled_and_not_started() -> None:
    stage = ready()
    outcome = stage.perform(stage.creation())
    container = stage.engine.container("web-next-g1")
    assert (outcome.kind, outcome.container_id, outcome.image_id) == ("done", container.id, container.image_id)
    assert stage.journal.record("web").operations[-1].container_id == container.id
    assert container.status == "created"


def test_the_time_of_deployment_is_added_to_the_labels() -> None:
    stage = ready()
    stage.perform(stage.creation())
    labels = stage.engine.container("web-next-g1").config.labels or {}
    assert labels[names.DEPLOYED_AT] == "2025-06-15T15:06:40Z"
    assert labels[names.DOCUMENT] == "web"


def test_creating_again_finds_the_container_and_changes_nothing() -> None:
    stage = ready()
    first = stage.perform(stage.creation())
    before = stage.engine.mutations
    again = stage.perform(stage.creation())
    assert (again.kind, again.container_id) == ("already", first.container_id)
    assert stage.engine.mutations == before


def test_a_lost_answer_makes_no_second_container() -> None:
    stage = ready()
    stage.engine.fail_when("create", EngineUnavailable("no answer"), after=True)
    outcome = stage.perform(stage.creation())
    assert outcome.kind == "done"
    assert [item.name for item in stage.engine.host.containers.values()] == ["web-next-g1"]
    assert stage.journal.record("web").operations[-1].container_id == outcome.container_id


def test_an_answer_lost_with_the_engine_is_found_on_the_next_try() -> None:
    stage = ready()
    look, looks = stage.engine.list_containers, iter((True, False))
    stage.engine.fail_when("create", EngineUnavailable("no answer"), after=True)

    def look_once(*, label: tuple[str, str] | None = None) -> tuple[ContainerRow, ...]:
        if next(looks, True):
            return look(label=label)
        raise EngineUnavailable("still no answer")

    stage.engine.list_containers = look_once  # type: ignore[method-assign]  # the engine goes away in between
    assert isinstance(stage.perform(stage.creation()).error, EngineUnavailable)
    assert stage.perform(stage.creation()).kind == "already"
    assert len(stage.engine.host.containers) == 1


def test_an_engine_that_did_not_create_fails_the_action() -> None:
    stage = ready()
    stage.engine.fail_when("create", EngineUnavailable("no answer"))
    outcome = stage.perform(stage.creation())
    assert isinstance(outcome.error, EngineUnavailable)
    assert not stage.engine.host.containers


def test_a_name_held_by_our_own_first_try_is_ours() -> None:
    stage = ready()
    stage.engine.fail_when("create", NameTaken("in use"), after=True)
    assert stage.perform(stage.creation()).kind == "done"


def test_a_name_held_by_a_stranger_fails_and_leaves_the_stranger_alone() -> None:
    stage = ready()
    stranger = stage.engine.by_hand.run("web-next-g1")
    outcome = stage.perform(stage.creation())
    assert isinstance(outcome.error, NameTaken)
    assert list(stage.engine.host.containers) == [stranger]


def test_a_copy_of_our_labels_under_another_name_is_not_taken_for_ours() -> None:
    stage = ready()
    copy = stage.engine.by_hand.run("copy", labels=dict(stage.creation().labels))
    outcome = stage.perform(stage.creation())
    assert outcome.kind == "done"
    assert outcome.container_id != copy


def test_a_journalled_container_that_is_gone_is_created_anew() -> None:
    stage = ready()
    first = stage.perform(stage.creation())
    stage.engine.by_hand.remove("web-next-g1")
    again = stage.perform(stage.creation())
    assert again.kind == "done"
    assert again.container_id != first.container_id
    assert stage.journal.record("web").operations[-1].container_id == again.container_id


class DroppingEngine(SimulatedEngine):
    """Takes every option and forgets some, as engines do with what their kernel lacks."""

    def create(self, name: str, **wanted: object) -> str:
        config = wanted["config"]
        assert isinstance(config, ContainerConfig)
        wanted["config"] = replace(config, pids_limit=None, environment={"A": "other"})
        labels = {key: text for key, text in dict(wanted["labels"]).items() if key != names.DIGEST}  # type: ignore[call-overload]  # a mapping
        return super().create(name, **{**wanted, "labels": labels})  # type: ignore[arg-type]  # as it came


def test_options_that_the_engine_dropped_are_named_without_values() -> None:
    stage = Stage(config=ContainerConfig(pids_limit=100, environment={"A": "a secret"}))
    engine = DroppingEngine(clock=stage.clock, registry=stage.engine.registry)
    stage.engine = engine
    stage.executor = type(stage.executor)(
        engine, stage.journal, clock=stage.clock.monotonic, sleep=stage.clock.sleep, pull_deadline_s=60.0
    )
    stage.pulled()
    stage.intent()
    outcome = stage.perform(stage.creation())
    assert isinstance(outcome.error, VerificationFailed)
    assert "environment, pids_limit, label stella.digest" in outcome.error.message
    assert "secret" not in str(outcome.error)
    assert stage.journal.record("web").operations[-1].container_id, "undo must find what was created"


def test_a_container_of_another_image_than_named_is_refused() -> None:
    stage = ready()
    stage.perform(stage.creation())
    other: ImageReference = stage.publish()
    stage.engine.pull(other, deadline_s=60.0, progress=stage.lines.append)
    outcome = stage.perform(stage.creation(image=other))
    assert isinstance(outcome.error, VerificationFailed)
    assert outcome.error.message.endswith("the engine did not take: image")


def test_a_container_whose_image_reference_was_removed_is_refused() -> None:
    stage = ready()
    stage.perform(stage.creation())
    stage.engine.host.images.clear()
    assert isinstance(stage.perform(stage.creation()).error, VerificationFailed)


class VanishingEngine(SimulatedEngine):
    def inspect_container(self, container_id: str) -> ContainerDetail | None:
        return None


def test_a_container_that_vanishes_at_once_is_told() -> None:
    stage = Stage()
    engine = VanishingEngine(clock=stage.clock, registry=stage.engine.registry)
    stage.engine = engine
    stage.executor = type(stage.executor)(
        engine, stage.journal, clock=stage.clock.monotonic, sleep=stage.clock.sleep, pull_deadline_s=60.0
    )
    stage.pulled()
    stage.intent()
    outcome = stage.perform(stage.creation())
    assert isinstance(outcome.error, NotFound)


def test_a_history_that_cannot_be_written_fails_the_action(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = ready()

    def created(document: str, generation: int, *, container_id: str) -> None:
        raise StateUnwritable("the disk is full")

    monkeypatch.setattr(stage.journal, "created", created)
    assert isinstance(stage.perform(stage.creation()).error, StateUnwritable)
