"""Hooks in plans: when they run, what their ends mean, and that they do their work once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import names
from reconciler.core.action import RunHook, TryHook
from reconciler.core.container import ContainerConfig, HealthProbe, Mount
from reconciler.core.hook import Hook, HookName, sandbox
from reconciler.core.judge import judge
from reconciler.core.record import Operation, Record
from reconciler.errors import EngineUnavailable
from tests.simulator.behaviour import Behaviour, Step, cannot_start, exits, killed_by_oom, unhealthy
from tests.simulator.engine import SimulatedEngine
from tests.simulator.oracle import violations
from tests.simulator.player import Player
from tests.simulator.world import World

CONFIG = ContainerConfig(health=HealthProbe(test=("CMD", "probe")))
WELL = exits(0, 2.0, logs=("3 migrations applied",))
RUNS_ON = Behaviour(steps=())
MOST_ACTIONS = 60


class Story:
    """Release 1 of ``web`` serves; ``want`` asks for another with hooks. ``ran`` is what their containers did."""

    def __init__(self, **hooks: Any) -> None:
        self.world = World()
        self.ran: list[str] = []
        self.player = Player(self.world, self.world.desired(release="1", config=CONFIG))
        assert self.player.settle().kind == "converged"
        self.first = self.player.documents["web"]
        self.want("2", **hooks)

    def hook(self, name: HookName, behaviour: Behaviour = WELL, **fields: Any) -> Hook:
        image = self.world.publish(f"shop/{name.lower()}", behaviour=behaviour)
        return Hook(name=name, command=("work",), image=image, **fields)

    def want(self, release: str, *, image: Any = None, **hooks: Any) -> None:
        made = tuple(self.hook(name, **fields) for name, fields in hooks.items())  # type: ignore[arg-type]
        self.player.want(self.world.desired(release=release, config=CONFIG, hooks=made, image=image))

    def rewrite(self, **fields: Any) -> None:
        """Edit what the one hook of the document says."""
        wanted = self.player.documents["web"]
        self.player.want(replace(wanted, hooks=(replace(wanted.hooks[0], **fields),)))

    def kinds(self) -> list[str]:
        return [action.kind for action in self.player.plan().actions]

    def details(self) -> list[str]:
        """What ``why`` tells of hooks."""
        return [event.detail for event in self.player.events if event.action == "run-hook"]

    def starts(self) -> int:
        """How often a hook was started."""
        runs = (call for call in self.world.engine.calls if call.method == "create_sandbox")
        return len(list(runs))

    def hooks_left(self) -> list[str]:
        return [row.name for row in self.world.engine.list_containers() if names.HOOK in row.labels]

    def serving(self) -> str:
        row = next(row for row in self.world.engine.list_containers() if row.name == "web")
        assert row.running
        return row.labels[names.RELEASE_ID]


def pre(**fields: Any) -> dict[str, Any]:
    return {"preDeploy": fields}


def test_hooks_stand_where_nothing_is_lost_by_their_failing() -> None:
    story = Story(preDeploy={}, postDeploy={})
    assert story.kinds() == [
        "pull-image",
        "verify-image",
        "pull-image",
        "verify-image",
        "pull-image",
        "verify-image",
        "record-intent",
        "create-container",
        "run-hook",
        "set-restart-policy",
        "rename-container",
        "rename-container",
        "stop-container",
        "start-container",
        "wait-healthy",
        "run-hook",
        "commit",
        "write-sticker",
        "remove-container",
    ]


def test_a_release_with_hooks_that_end_well_serves() -> None:
    story = Story(preDeploy={}, postDeploy={})
    assert story.player.settle().kind == "converged"
    assert story.serving() == "2"
    assert story.details() == ["3 migrations applied"] * 2
    assert story.hooks_left() == []
    assert story.world.journal.record("web").hooks == ()
    assert violations(story.player) == []


def test_a_hook_in_the_image_of_its_release_needs_no_further_image() -> None:
    story = Story()
    wanted = story.player.documents["web"]
    story.player.want(replace(wanted, hooks=(Hook(name="preDeploy", command=("x",), image=wanted.image),)))
    assert story.kinds().count("pull-image") == 1
    story.player.want(replace(wanted, hooks=(Hook(name="preRollback", command=("x",), image=wanted.image),)))
    assert "run-hook" not in story.kinds()


def test_a_rollback_runs_a_hook_of_its_own() -> None:
    story = Story()
    assert story.player.settle().kind == "converged"
    hooks = (story.hook("preDeploy"), story.hook("preRollback"), story.hook("postDeploy"))
    story.player.want(replace(story.first, hooks=hooks))
    plan = story.player.plan()
    ran = [action.hook.name for action in plan.actions if isinstance(action, RunHook)]
    assert (plan.purpose, ran) == ("rollback", ["preRollback", "postDeploy"])
    assert story.player.settle().kind == "converged"
    assert story.serving() == "1"


def test_going_back_again_runs_the_hook_again() -> None:
    story = Story()
    second = story.player.documents["web"]
    story.player.settle()
    back = replace(story.first, hooks=(story.hook("preRollback"),))
    for desired in (back, second, back):
        story.player.want(desired)
        assert story.player.settle().kind == "converged"
    assert story.starts() == 2


def test_a_heal_and_an_undo_run_no_hooks() -> None:
    story = Story(preDeploy={}, postDeploy={}, preRollback={})
    story.player.settle()
    begun = story.starts()
    story.world.engine.by_hand.remove("web")
    assert story.player.settle().kind == "converged"
    bad = story.world.publish("shop/bad", behaviour=unhealthy())
    story.want("3", image=bad, preRollback={})
    assert story.player.settle().kind == "rolled-back"
    assert story.starts() == begun == 2


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (
            exits(1, 1.0, logs=("no such table",)),
            "the preDeploy hook ended with exit status 1\n  last lines:\n    no such",
        ),
        (RUNS_ON, "the preDeploy hook took longer than 1m and was killed"),
        (killed_by_oom(), "the preDeploy hook needed more memory than its 64Mi and was killed"),
        (cannot_start(), "the preDeploy hook could not be started"),
    ],
)
@pytest.mark.parametrize("name", ["preDeploy", "postDeploy"])
def test_a_hook_that_fails_takes_the_release_back(name: str, behaviour: Behaviour, words: str) -> None:
    story = Story(**{name: {"behaviour": behaviour}})
    before = next(row.id for row in story.world.engine.list_containers() if row.name == "web")
    verdict = story.player.settle()
    assert verdict.kind == "rolled-back"
    assert words.replace("preDeploy", name) in verdict.reason
    assert next(row.id for row in story.world.engine.list_containers() if row.name == "web") == before
    assert story.serving() == "1"
    assert story.hooks_left() == []
    assert violations(story.player) == []
    assert story.player.one_pass()[2].kind == "held"
    assert story.starts() == 1


def test_a_preDeploy_that_fails_never_touches_what_serves() -> None:  # noqa: N802  (a key of documents)
    story = Story(preDeploy={"behaviour": exits(1)})
    start = story.world.engine.container("web").started
    story.player.settle()
    assert story.world.engine.container("web").started == start


def test_a_hook_that_says_not_now_is_asked_again_later() -> None:
    story = Story(preDeploy={"behaviour": exits(75, 1.0, logs=("a backup runs",))})
    verdict = story.player.settle()
    assert (verdict.kind, story.serving()) == ("failed", "1")
    assert "the preDeploy hook said: not now\n  last lines:\n    a backup runs" in verdict.reason
    assert verdict.retry_after
    assert story.world.journal.record("web").quarantined == {}
    story.world.clock.advance(verdict.retry_after)
    story.player.settle()
    assert story.starts() == 2


def test_a_hook_whose_failure_is_ignored_is_told_and_passed_over() -> None:
    story = Story(postDeploy={"behaviour": exits(3), "failure_policy": "ignore"})
    assert any(isinstance(action, TryHook) for action in story.player.plan().actions)
    story.player.settle()
    assert story.serving() == "2"
    assert story.details() == ["the postDeploy hook ended with exit status 3"]
    assert story.player.settle().kind == "converged"
    assert story.starts() == 1


def test_not_now_is_heard_even_where_failure_is_ignored() -> None:
    story = Story(preDeploy={"behaviour": exits(75), "failure_policy": "ignore"})
    assert story.player.settle().kind == "failed"
    assert story.serving() == "1"


def test_a_hook_that_did_its_work_is_not_run_again_for_a_further_try() -> None:
    story = Story(preDeploy={})
    next_action = story.kinds().index("run-hook") + 2
    assert story.player.settle_killed_at(next_action, "before")
    story.player.one_pass()
    assert "run-hook" not in story.kinds()
    assert story.player.plan().notes == ("the preDeploy hook has run for this release and is not run again",)
    assert story.player.settle().kind == "converged"
    assert (story.starts(), story.serving()) == (1, "2")


def test_a_heal_in_between_forgets_nothing_of_a_hook() -> None:
    story = Story(preDeploy={})
    assert story.player.settle_killed_at(story.kinds().index("run-hook") + 2, "before")
    story.player.one_pass()
    story.world.engine.by_hand.remove("web")
    wanted = story.player.documents["web"]
    story.player.want(story.first)
    assert story.player.settle().kind == "converged"
    story.player.want(wanted)
    assert story.player.settle().kind == "converged"
    assert story.starts() == 1


def interrupted(**fields: Any) -> Story:
    """The controller died while the hook ran."""
    story = Story(preDeploy={"behaviour": RUNS_ON, **fields})

    class Died(BaseException):
        pass

    def dies(seconds: float) -> None:
        raise Died

    sleep, story.world.clock.sleep = story.world.clock.sleep, dies  # type: ignore[method-assign]
    with pytest.raises(Died):
        story.player.settle()
    story.world.clock.sleep = sleep  # type: ignore[method-assign]
    assert len(story.hooks_left()) == 1
    return story


def test_an_interrupted_hook_is_ended_before_anything_else() -> None:
    story = interrupted()
    assert story.kinds()[0] == "remove-hook"
    story.player.one_pass()
    assert story.hooks_left() == []
    assert story.serving() == "1"


def test_a_leftover_is_removed_whatever_else_holds() -> None:
    story = interrupted()
    story.player.settle()
    owner = story.world.journal.owner
    wanted = story.player.documents["web"].hooks[0]
    engine = story.world.engine
    left = engine.create_sandbox(
        "web-hook-predeploy-g2",
        image=wanted.image,
        config=sandbox(wanted, {}),
        labels=names.hook_labels("web", "preDeploy", owner=owner, generation=2),
        beside="",
    )
    assert story.kinds() == ["remove-hook"]
    assert story.player.plan().purpose == "repair"
    story.player.settle()
    assert left not in engine.host.containers
    assert story.player.idle()


@pytest.mark.parametrize(
    "labels",
    [{}, {names.GENERATION: "x"}, {names.OWNER: "somebody"}, {names.DOCUMENT: "api"}, {names.HOOK: "postDeploy"}],
)
def test_what_only_looks_like_a_hook_of_ours_is_left_alone(labels: dict[str, str]) -> None:
    ours = names.hook_labels("web", "preDeploy", owner="us", generation=2)
    told = {**ours, **labels} if labels else {}
    assert not names.is_hook("web-hook-predeploy-g2", told, document="web", owner="us")
    assert names.is_hook("web-hook-predeploy-g2", ours, document="web", owner="us")


def test_an_interrupted_release_waits_for_a_person() -> None:
    story = interrupted()
    verdict = story.player.settle()
    assert verdict.kind == "held"
    assert "the preDeploy hook was interrupted; it may have done its work" in verdict.reason
    assert story.player.one_pass()[2].kind == "held"
    assert (story.starts(), story.serving()) == (1, "1")
    status = judge(story.player.situation("web"), story.player.plan())
    assert status.phase == "RolledBack"
    assert story.world.journal.clear("web")
    story.world.engine.host.images[story.world.engine.inspect_image(str(hook_image(story))).id].behaviour = WELL  # type: ignore[union-attr]
    assert story.player.settle().kind == "converged"
    assert (story.starts(), story.serving()) == (2, "2")


def hook_image(story: Story) -> Any:
    return story.player.documents["web"].hooks[0].image


def test_a_hook_that_may_be_repeated_is_repeated() -> None:
    story = interrupted(idempotent=True)
    verdict = story.player.settle()
    assert verdict.kind == "rolled-back"
    assert story.starts() == 2


def test_an_interrupted_hook_whose_failure_is_ignored_is_not_run_again() -> None:
    story = interrupted(failure_policy="ignore")
    assert story.player.settle().kind == "converged"
    assert (story.starts(), story.serving()) == (1, "2")


def test_another_hook_is_another_piece_of_work() -> None:
    story = interrupted()
    story.player.settle()
    story.rewrite(timeout_ms=1)
    assert story.player.one_pass()[2].kind == "held"
    story.rewrite(command=("other",))
    assert "run-hook" in story.kinds()


def outage(story: Story, *, crash: bool) -> None:
    """The engine does not answer for a while, from the second look at the hook on; it may die meanwhile."""
    sleep, engine, naps = story.world.clock.sleep, story.world.engine, iter((engine_goes, engine_comes))

    def nap(seconds: float) -> None:
        sleep(seconds)
        event = next(naps, None)
        if event is not None:
            event(engine, crash)

    story.world.clock.sleep = nap  # type: ignore[method-assign]


def engine_goes(engine: SimulatedEngine, crash: bool) -> None:
    if crash:
        engine.crash()
    engine.go_away()


def engine_comes(engine: SimulatedEngine, crash: bool) -> None:
    engine.come_back()


def test_an_engine_that_dies_is_not_the_hooks_fault_but_leaves_doubt() -> None:
    story = Story(preDeploy={"behaviour": exits(0, 10.0)})
    outage(story, crash=True)
    verdict = story.player.settle()
    assert "the engine went away while the preDeploy hook ran; nobody saw its end" in verdict.reason
    assert story.world.journal.record("web").quarantined == {}
    story.world.clock.advance(400)
    assert "was interrupted; it may have done its work" in story.player.settle().reason
    assert (story.starts(), story.serving()) == (1, "1")


def test_an_outage_that_a_hook_outlives_costs_nothing() -> None:
    story = Story(preDeploy={"behaviour": exits(0, 10.0)})
    outage(story, crash=False)
    assert story.player.settle().kind == "converged"
    assert any("the engine does not answer" in line for line in story.player.progress)


def test_a_first_release_has_no_previous_digest() -> None:
    world = World()
    hook = Hook(name="preDeploy", command=("x",), image=world.publish("shop/hook", behaviour=WELL))
    player = Player(world, world.desired(config=CONFIG, hooks=(hook,)))
    (action,) = [item for item in player.plan().actions if isinstance(item, RunHook)]
    assert action.facts.previous_digest == ""
    assert action.target == "web preDeploy"
    assert player.settle().kind == "converged"


def test_a_hook_is_told_what_it_runs_for() -> None:
    story = Story(postDeploy={"network": "container"})
    (action,) = [item for item in story.player.plan().actions if isinstance(item, RunHook)]
    assert action.facts.variables("postDeploy") == {
        "STELLA_DOCUMENT": "web",
        "STELLA_RELEASE_ID": "2",
        "STELLA_RELEASE_NAME": "web 2",
        "STELLA_DIGEST": story.player.documents["web"].image.digest,
        "STELLA_PREVIOUS_DIGEST": story.first.image.digest,
        "STELLA_GENERATION": "2",
        "STELLA_HOOK": "postDeploy",
    }
    assert action.beside is not None
    assert story.player.settle().kind == "converged"


def test_a_sandbox_denies_everything_that_was_not_asked_for() -> None:
    story = Story()
    mounts = (Mount("/data", "data"),)
    config = sandbox(
        story.hook("preDeploy", mounts=mounts, network="back", environment={"A": "b"}),
        {"STELLA_HOOK": "preDeploy"},
        image_volumes=("/data", "/var/cache"),
    )
    assert (config.cap_drop, config.cap_add, config.privileged) == (("ALL",), None, False)
    assert (config.read_only_root, config.no_new_privileges, config.init) == (True, True, True)
    assert config.memory_bytes == config.memory_swap_bytes == 64 << 20
    assert (config.pids_limit, config.user) == (64, "65534:65534")
    assert set(config.tmpfs or ()) == {"/tmp", "/var/cache"}
    assert config.mounts == mounts
    assert config.environment == {"A": "b", "STELLA_HOOK": "preDeploy"}
    assert config.devices is None
    assert sandbox(story.hook("postDeploy", network="container"), {}).networks is None


def test_what_is_running_now_is_in_no_doubt() -> None:
    record = Record(
        document="web",
        owner="us",
        operations=(Operation(generation=1, kind="deploy", fingerprint="f", state="intent"),),
    )
    assert record.hook_run("f", "preDeploy") is None


def test_images_that_only_hooks_of_releases_long_gone_needed_go_with_theirs() -> None:
    story = Story()
    tools = {}
    for release in "23456":
        tools[release] = story.world.publish(f"shop/tools{release}", behaviour=WELL)
        hook = Hook(name="preDeploy", command=("work",), image=tools[release])
        story.player.want(story.world.desired(release=release, config=CONFIG, hooks=(hook,)))
        assert story.player.settle().kind == "converged"
    there = {release for release, image in tools.items() if story.world.engine.inspect_image(str(image))}
    assert there == {"4", "5", "6"}
    assert story.kinds() == []


def test_an_image_that_hooks_share_stays_as_long_as_one_of_them_may_run() -> None:
    story = Story()
    tools = story.world.publish("shop/tools", behaviour=WELL)
    for release in "23456":
        hook = Hook(name="preDeploy", command=("work",), image=tools)
        story.player.want(story.world.desired(release=release, config=CONFIG, hooks=(hook,)))
        assert story.player.settle().kind == "converged"
    assert story.world.engine.inspect_image(str(tools)) is not None
    for release in "789":
        story.player.want(story.world.desired(release=release, config=CONFIG))
        assert story.player.settle().kind == "converged"
    assert story.world.engine.inspect_image(str(tools)) is None


def test_pruning_takes_hooks_along() -> None:
    story = interrupted()
    story.player.one_pass()
    del story.player.documents["web"]
    story.player.one_pass(prune=True)
    assert story.world.engine.list_containers() == ()


STORIES: list[Callable[[], Story]] = [
    lambda: Story(preDeploy={}, postDeploy={}),
    lambda: Story(preDeploy={"idempotent": True}, postDeploy={"network": "container"}),
    lambda: Story(preDeploy={"behaviour": exits(1, 1.0)}),
    lambda: Story(postDeploy={"behaviour": exits(75, 1.0)}),
    lambda: Story(preDeploy={"behaviour": Behaviour(steps=(Step(1.0, "exit", 4),)), "failure_policy": "ignore"}),
]


@pytest.mark.parametrize("edge", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_action_leaves_nothing_worse_and_no_hook_behind(
    story: Callable[[], Story], edge: str
) -> None:
    for number in range(1, MOST_ACTIONS):
        told = story()
        if not told.player.settle_killed_at(number, edge):
            assert number > 8
            return
        told.player.settle()
        assert violations(told.player) == [], f"killed {edge} action {number}"
        assert told.hooks_left() == []
    pytest.fail("the story has no end")


@settings(max_examples=80, deadline=None)
@given(
    number=st.integers(1, 40),
    after=st.booleans(),
    idempotent=st.booleans(),
    code=st.sampled_from([0, 1, 75]),
)
def test_no_answer_of_the_engine_makes_a_hook_do_its_work_twice(
    number: int, *, after: bool, idempotent: bool, code: int
) -> None:
    story = Story(preDeploy={"behaviour": exits(code, 1.0), "idempotent": idempotent})
    engine = story.world.engine
    engine.fail_call(number, EngineUnavailable("connection reset"), after=after)
    for _ in range(4):
        story.player.settle()
        story.world.clock.advance(400)
    engine.faults.faults.clear()
    story.player.settle()
    assert violations(story.player) == []
    assert story.hooks_left() == []
    starts = sum(call.method == "start" and "-hook-" in call.summary for call in engine.calls)
    assert idempotent or code == 75 or starts <= 1
