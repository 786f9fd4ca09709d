"""An assessor that remembers what was settled decides as one that knows nothing, whatever happened meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.settled import Settled
from reconciler.core.container import RestartPolicy
from reconciler.core.desired import Suspension
from reconciler.core.plan import Plan
from reconciler.core.policy import Policy
from reconciler.engine.observe import Observer
from tests.controller.stage import KEY, Stage, quiet

NAMES = ("web", "db", "job")
STEPS = 10


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Three documents that are as they should be; the job waits for the database."""
    made = Stage(tmp_path)
    for name in NAMES:
        waits: dict[str, Any] = {"dependsOn": [{"name": "db"}]} if name == "job" else {}
        made.write(name, config={"labels": {"tier": name}}, **waits)
    made.service().apply(progress=quiet)
    assert all(not item.plan.drift for item in made.assessor.assess())
    return made


def anew(stage: Stage) -> Assessor:
    """One that has never looked before."""
    observer = Observer(
        stage.world.engine,
        stage.stickers,
        full_every_s=300.0,
        clock=stage.clock.monotonic,
        deployments=stage.world.deployments,
    )
    return Assessor(
        catalogue=stage.catalogue,
        observer=observer,
        journal=stage.history,
        key=KEY,
        clock=stage.clock.time,
        policy=lambda: stage.policy,
    )


def told(found: tuple[Assessment, ...]) -> list[object]:
    return [(item.plan, item.status(0.0)) for item in found]


def hear(stage: Stage) -> None:
    """As the engine's events tell it: something happened to a container."""
    for row in stage.world.engine.list_containers():
        stage.assessor.observer.touch(row.id)


def edit(stage: Stage, chance: random.Random) -> None:
    stage.write(chance.choice(NAMES), chance.choice(["v1", "v2", "v3"]))


def delete(stage: Stage, chance: random.Random) -> None:
    name = chance.choice(NAMES)
    if len(list(stage.desired.iterdir())) > 1 and (stage.desired / f"{name}.yaml").exists():
        stage.delete(name)


def remove(stage: Stage, chance: random.Random) -> None:
    stage.world.engine.by_hand.remove(chance.choice(NAMES))


def kill(stage: Stage, chance: random.Random) -> None:
    stage.world.engine.by_hand.kill(chance.choice(NAMES))


def limit(stage: Stage, chance: random.Random) -> None:
    stage.world.engine.by_hand.update_memory(chance.choice(NAMES), chance.choice([16, 32]) << 20)


def policy_of_restarts(stage: Stage, chance: random.Random) -> None:
    policy = RestartPolicy(chance.choice(["no", "always"]))
    stage.world.engine.by_hand.update_restart(chance.choice(NAMES), policy)


def spoof(stage: Stage, chance: random.Random) -> None:
    stage.world.engine.by_hand.copy_labels(chance.choice(NAMES), to=f"copy-{chance.randrange(10**6)}")


def stranger(stage: Stage, chance: random.Random) -> None:
    stage.world.engine.by_hand.run(chance.choice([*NAMES, f"other-{chance.randrange(10**6)}"]))


def spoil_sticker(stage: Stage, chance: random.Random) -> None:
    path = stage.folder / "stickers" / f"{chance.choice(NAMES)}.json"
    if path.exists():
        path.write_bytes(path.read_bytes()[: chance.choice([0, 40, 10_000])])


def suspend(stage: Stage, chance: random.Random) -> None:
    stage.history.suspend(chance.choice(NAMES), Suspension("ann", "a look", stage.clock.time() + 30))


def change_policy(stage: Stage, chance: random.Random) -> None:
    folder = chance.choice([str(stage.folder), "/nowhere"])
    stage.policy = Policy(deployment_paths=(folder, "/proc", "/var/stella"))


def wait(stage: Stage, chance: random.Random) -> None:
    stage.clock.sleep(chance.choice([1.0, 40.0, 400.0]))


def converge(stage: Stage, _chance: random.Random) -> None:
    stage.service().apply(progress=quiet)


HAPPENINGS: tuple[Callable[[Stage, random.Random], None], ...] = (
    edit, delete, remove, kill, limit, policy_of_restarts, spoof, stranger, spoil_sticker, suspend, change_policy,
    wait, converge, converge, converge,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_memory_changes_no_decision(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  (to be the same again)
    for _ in range(STEPS):
        happening = chance.choice(HAPPENINGS)
        try:
            happening(stage, chance)
        except (LookupError, ValueError):
            continue  # what it would have happened to is not there
        except Exception as error:
            if type(error).__module__ != "reconciler.errors":
                raise
        hear(stage)
        fresh = anew(stage)
        assert told(stage.assessor.assess()) == told(fresh.assess()), (seed, happening.__name__)
        assert told(stage.assessor.assess()) == told(fresh.assess()), (seed, happening.__name__, "again")


def test_what_is_settled_is_not_planned_again(stage: Stage) -> None:
    before, after = stage.assessor.assess(), stage.assessor.assess()
    assert [one.plan for one in before] == [other.plan for other in after]
    assert all(one.plan is other.plan for one, other in zip(before, after, strict=True))


def test_a_status_is_judged_once_and_tells_since_when(stage: Stage) -> None:
    (found, *_) = stage.assessor.assess()
    first, second = found.status(1.0), found.status(2.0)
    assert (first.since, second.since) == (1.0, 2.0)
    assert replace(first, since=2.0) == second


def test_another_container_that_needs_an_image_is_seen_to_go(tmp_path: Path) -> None:
    """It is not collected while a stranger runs it, and is as soon as nobody does."""
    stage = Stage(tmp_path)
    for release in ("v1", "v2", "v3", "v4"):
        stage.write("web", release)
        stage.service().apply(progress=quiet)
        if release == "v1":
            stage.world.engine.by_hand.run("stranger", image=stage.images["v1"])
    for _ in range(2):
        assert not any(item.plan.actions for item in stage.assessor.assess())
    stage.world.engine.by_hand.remove("stranger")
    (found,) = stage.assessor.assess()
    assert [(action.kind, action.target) for action in found.plan.actions] == [
        ("remove-image", str(stage.images["v1"]))
    ]


def test_only_a_plan_with_nothing_in_it_is_kept() -> None:
    settled = Settled()
    for plan in (
        Plan(document="web", blocked="for something"),
        Plan(document="web", notes=("look at it",)),
        Plan(document="web", purpose="repair"),
        Plan(document="web", held=True),
    ):
        settled.decided((1,), plan)
        assert settled.plan("web", (1,)) is None
    quiet_plan = Plan(document="web")
    settled.decided((1,), quiet_plan)
    assert settled.plan("web", (1,)) is quiet_plan
    assert settled.plan("web", (2,)) is None
    settled.keep(())
    assert settled.plan("web", (1,)) is None
