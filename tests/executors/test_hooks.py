"""Running hooks on a simulated engine: what is created, what is written down, and what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import names
from reconciler.core.action import ContainerRef, RemoveHook, RunHook
from reconciler.core.hook import Hook, HookFacts, sandbox
from reconciler.core.image import ImageReference
from reconciler.core.outcome import Outcome
from reconciler.core.project import PROJECT_LABEL
from reconciler.errors import (
    EngineUnavailable,
    HookFailed,
    HookNotNow,
    Interrupted,
    NotFound,
    VerificationFailed,
)
from reconciler.executors.hooks import LAST_LINES, OUTPUT_BYTES
from tests.executors.stage import Stage
from tests.simulator.behaviour import Behaviour, exits

LONG = Behaviour(steps=())


class HookStage(Stage):
    """A stage with an open operation and a hook's image on the host."""

    def hook_image(self, behaviour: Behaviour, volumes: tuple[str, ...] = ()) -> ImageReference:
        image = self.engine.registry.publish(
            "registry.example.com/shop/hook", behaviour=behaviour, volumes=volumes
        )
        self.engine.pull(image, deadline_s=60.0, progress=self.lines.append)
        return image

    def action(self, behaviour: Behaviour | None = None, *, volumes: tuple[str, ...] = (), **more: Any) -> RunHook:
        wanted = {key: more.pop(key) for key in ("beside", "project") if key in more}
        image = self.hook_image(behaviour or exits(0, 1.0), volumes)
        hook = Hook(name="preDeploy", command=("work", "hard"), image=image, **more)
        facts = HookFacts(
            document="web",
            release_id="1",
            release_name="Web 1",
            digest="d",
            previous_digest="",
            generation=1,
        )
        return RunHook(document="web", cause="test", hook=hook, facts=facts, **wanted)

    @property
    def state(self) -> str:
        """What the history says of the hook."""
        return next((run.state for run in self.journal.record("web").hooks), "never begun")

    @property
    def gone(self) -> bool:
        rows = self.engine.list_containers()
        return not [row for row in rows if names.HOOK in row.labels] and self.engine.anonymous_volumes == 0


@pytest.fixture
def stage() -> HookStage:
    made = HookStage()
    made.intent()
    return made


def test_a_hook_that_ends_well_says_what_it_did_and_is_gone(stage: HookStage) -> None:
    outcome = stage.perform(stage.action(exits(0, 1.0, logs=("one", "two"))))
    assert (outcome.kind, outcome.detail) == ("done", "one\ntwo")
    assert (stage.state, stage.gone) == ("done", True)
    assert stage.lines[-1] == "runs"


def test_it_is_known_to_have_begun_before_it_starts(stage: HookStage) -> None:
    stage.engine.fail_when("start", EngineUnavailable("reset"), after=True)
    outcome = stage.perform(stage.action())
    assert isinstance(outcome.error, EngineUnavailable)
    assert (stage.state, stage.gone) == ("begun", True)


def test_its_sandbox_is_marked_and_denies_what_was_not_asked_for(stage: HookStage) -> None:
    stage.engine.fail_when("stop", EngineUnavailable("reset"), times=9)
    action = stage.action(volumes=("/cache",))
    stage.perform(action)
    left = stage.engine.container("web-hook-predeploy-g1")
    assert left.config.labels is not None
    marks = names.hook_labels("web", "preDeploy", owner=stage.journal.owner, generation=1)
    assert marks.items() <= left.config.labels.items()
    wanted = sandbox(action.hook, action.facts.variables("preDeploy"), image_volumes=("/cache",))
    assert (left.config.tmpfs, left.config.cap_drop) == (wanted.tmpfs, ("ALL",))
    assert (left.config.entrypoint, left.config.command) == (("work",), ("hard",))


def test_a_sandbox_that_the_engine_did_not_make_as_asked_runs_nothing(stage: HookStage) -> None:
    action = stage.action()
    create = stage.engine.create_sandbox

    def loose(name: str, *, config: Any, **more: Any) -> str:
        return create(name, config=replace(config, read_only_root=False), **more)

    stage.engine.create_sandbox = loose  # type: ignore[method-assign]
    outcome = stage.perform(action)
    assert isinstance(outcome.error, VerificationFailed)
    assert "read_only_root" in str(outcome.error)
    assert (stage.state, stage.gone) == ("never begun", True)


@pytest.mark.parametrize(
    ("behaviour", "error", "words", "state"),
    [
        (exits(75, 1.0), HookNotNow, "the preDeploy hook said: not now", "not-now"),
        (exits(2, 1.0), HookFailed, "the preDeploy hook ended with exit status 2", "failed"),
        (LONG, HookFailed, "the preDeploy hook took longer than 1m and was killed", "failed"),
    ],
)
def test_each_end_is_written_down_and_told(
    stage: HookStage, behaviour: Behaviour, error: type[Exception], words: str, state: str
) -> None:
    outcome = stage.perform(stage.action(behaviour))
    assert isinstance(outcome.error, error)
    assert (str(outcome.error), outcome.detail) == (words, words)
    assert (stage.state, stage.gone) == (state, True)


def test_one_whose_start_is_obstructed_has_not_run(stage: HookStage) -> None:
    outcome = stage.perform(stage.action(Behaviour(start_error=f"task {'7c' * 32}: already exists")))
    assert isinstance(outcome.error, HookFailed)
    assert stage.state == "failed"


def test_an_error_has_the_last_lines_and_the_detail_all(stage: HookStage) -> None:
    lines = tuple(f"line {number}" for number in range(50))
    outcome = stage.perform(stage.action(exits(1, 1.0, logs=lines)))
    assert str(outcome.error).count("line ") == LAST_LINES
    assert outcome.detail.count("line ") == 50


def test_what_a_hook_says_is_stripped_masked_and_bounded(stage: HookStage) -> None:
    flood = tuple(f"\x1b[31m{number} hunter22 \x07" + "x" * 100 for number in range(2000))
    action = stage.action(exits(0, 1.0, logs=flood), environment={"DB_PASSWORD": "hunter22"})
    outcome = stage.perform(action)
    assert len(outcome.detail.encode()) <= OUTPUT_BYTES
    assert outcome.detail.splitlines()[-1].startswith("1999 *** x")
    assert "hunter22" not in outcome.detail
    assert "\x1b" not in outcome.detail


def test_a_stop_request_ends_the_hook_and_leaves_it_in_doubt(stage: HookStage) -> None:
    def stop(_: float) -> None:
        raise Interrupted("asked to stop")

    stage.executor._hooks._sleep = stop
    outcome = stage.perform(stage.action(LONG))
    assert isinstance(outcome.error, Interrupted)
    assert (stage.state, stage.gone) == ("begun", True)


def test_a_container_that_somebody_removes_leaves_the_hook_in_doubt(stage: HookStage) -> None:
    def remove(seconds: float) -> None:
        stage.engine.by_hand.remove("web-hook-predeploy-g1")

    stage.executor._hooks._sleep = remove
    outcome = stage.perform(stage.action(LONG))
    assert "was removed while it ran; nobody saw its end" in str(outcome.error)
    assert stage.state == "begun"


def test_a_death_of_the_engine_that_was_only_heard_of_leaves_it_in_doubt(stage: HookStage) -> None:
    breaks = iter([0, 0])
    stage.executor._hooks._engine_breaks = lambda: next(breaks, 1)
    outcome = stage.perform(stage.action(exits(0, 0.01)))
    assert "the engine went away" in str(outcome.error)
    assert stage.state == "begun"


def test_an_engine_that_does_not_come_back_ends_the_wait_with_the_hooks_time(stage: HookStage) -> None:
    def nap(seconds: float) -> None:
        stage.engine.go_away()
        stage.clock.sleep(seconds)

    stage.executor._hooks._sleep = nap
    outcome = stage.perform(stage.action(LONG, timeout_ms=2_000))
    assert isinstance(outcome.error, EngineUnavailable)
    assert stage.state == "begun"


@pytest.mark.parametrize(("code", "kind", "state"), [(0, "done", "done"), (1, "failed", "failed")])
def test_a_container_that_cannot_be_removed_changes_nothing_of_what_came_of_the_hook(
    stage: HookStage, code: int, kind: str, state: str
) -> None:
    action = stage.action(exits(code, 1.0))
    stage.engine.fail_when("remove", EngineUnavailable("reset"))
    outcome = stage.perform(action)
    assert (outcome.kind, stage.state, stage.gone) == (kind, state, False)
    assert outcome.error is None or isinstance(outcome.error, HookFailed)


def test_an_image_that_vanished_is_told(stage: HookStage) -> None:
    action = stage.action()
    stage.engine.remove_image(str(action.hook.image))
    outcome = stage.perform(action)
    assert isinstance(outcome.error, NotFound)
    assert "is not on the host any more" in str(outcome.error)


@pytest.mark.parametrize("method", ["inspect_container"])
def test_a_container_that_vanished_at_once_is_told(stage: HookStage, method: str) -> None:
    action = stage.action()
    create = stage.engine.create_sandbox

    def vanishing(name: str, **more: Any) -> str:
        made = create(name, **more)
        stage.engine.by_hand.remove(name)
        return made

    stage.engine.create_sandbox = vanishing  # type: ignore[method-assign]
    assert "vanished right after" in str(stage.perform(action).error)
    assert stage.state == "never begun"


def neighbour(stage: HookStage, project: str, name: str) -> Outcome:
    stage.pulled()
    labels = {PROJECT_LABEL: "shop"}
    made = stage.engine.create("shop-web-1", image=stage.image, config=stage.config, labels=labels)
    stage.engine.start(made)
    return stage.perform(stage.action(beside=ContainerRef(name), project=project, network="container"))


def test_a_hook_of_a_project_shares_the_network_of_its_container(stage: HookStage) -> None:
    assert neighbour(stage, "shop", "shop-web-1").kind == "done"


@pytest.mark.parametrize(("project", "name"), [("other", "shop-web-1"), ("shop", "shop-web-2")])
def test_a_network_of_another_container_is_not_taken(stage: HookStage, project: str, name: str) -> None:
    outcome = neighbour(stage, project, name)
    assert isinstance(outcome.error, NotFound)
    assert stage.state == "never begun"


def test_what_a_killed_process_left_is_removed_whatever_it_does(stage: HookStage) -> None:
    action = stage.action(LONG)
    made = stage.engine.create_sandbox(
        "web-hook-predeploy-g1",
        image=action.hook.image,
        config=sandbox(action.hook, {}),
        labels={},
        beside="",
    )
    stage.engine.start(made)
    removal = RemoveHook(document="web", cause="test", container=ContainerRef("web-hook-predeploy-g1", made))
    assert stage.perform(removal).kind == "done"
    assert stage.perform(removal).kind == "already"
