"""Killed anywhere, a document ends with the new release healthy or the old one running; never with less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig, HealthProbe, PortBinding
from reconciler.core.desired import Strategy
from reconciler.core.outcome import Verdict
from reconciler.errors import EngineUnavailable
from tests.simulator.behaviour import Behaviour, cannot_start, exits, killed_by_oom, never_healthy, unhealthy
from tests.simulator.oracle import violations
from tests.simulator.player import Player
from tests.simulator.world import World

CONFIG = ContainerConfig(health=HealthProbe(test=("CMD", "probe")), ports=(PortBinding(80, host_port=8080),))
MOST_ACTIONS = 60


def deployed(**fields: Any) -> Player:
    """Release 1 serves."""
    world = World()
    player = Player(world, world.desired(release="1", config=CONFIG, **fields))
    assert player.settle().kind == "converged"
    return player


def upgrade() -> Player:
    player = deployed()
    player.want(player.world.desired(release="2", config=CONFIG))
    return player


def start_first_upgrade() -> Player:
    config = replace(CONFIG, ports=None)
    world = World()
    strategy = Strategy(order="start-first")
    player = Player(world, world.desired(release="1", config=config, strategy=strategy))
    player.settle()
    player.want(world.desired(release="2", config=config, strategy=strategy))
    return player


def failing_upgrade() -> Player:
    player = deployed()
    image = player.world.publish("shop/bad", behaviour=unhealthy())
    player.want(player.world.desired(release="2", image=image, config=CONFIG))
    return player


def rollback_to_kept() -> Player:
    player = deployed(cleanup_previous=False)
    first = player.documents["web"]
    player.want(player.world.desired(release="2", config=CONFIG, cleanup_previous=False))
    assert player.settle().kind == "converged"
    player.want(first)
    return player


def removed_by_hand() -> Player:
    player = deployed()
    player.world.engine.by_hand.remove("web")
    return player


def changed_configuration() -> Player:
    player = deployed()
    player.want(replace(player.documents["web"], config=replace(CONFIG, environment={"LEVEL": "debug"})))
    return player


def first_deploy() -> Player:
    world = World()
    return Player(world, world.desired(release="1", config=CONFIG))


STORIES = [
    upgrade,
    start_first_upgrade,
    failing_upgrade,
    rollback_to_kept,
    removed_by_hand,
    changed_configuration,
    first_deploy,
]


@pytest.mark.parametrize("edge", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_action_is_healed_by_the_next_passes(story: Callable[[], Player], edge: str) -> None:
    for number in range(1, MOST_ACTIONS):
        player = story()
        if not player.settle_killed_at(number, edge):
            assert number > 5
            return
        verdict = player.settle()
        assert violations(player) == [], f"killed {edge} action {number}: {verdict}"
        assert player.idle(), f"killed {edge} action {number}: not idle afterwards"
    pytest.fail("the story has no end")


@pytest.mark.no_cover
@settings(max_examples=60, deadline=None)
@given(
    story=st.sampled_from(STORIES),
    kills=st.lists(st.tuples(st.integers(1, 14), st.sampled_from(["before", "after"])), min_size=2, max_size=4),
)
def test_kills_during_recovery_from_kills_are_healed_too(
    story: Callable[[], Player], kills: list[tuple[int, str]]
) -> None:
    player = story()
    for number, edge in kills:
        player.settle_killed_at(number, edge)
    player.settle()
    assert violations(player) == []
    assert player.idle()


@pytest.mark.parametrize("edge", ["before", "after"])
def test_the_engine_may_crash_at_any_action(edge: str) -> None:
    for number in range(1, MOST_ACTIONS):
        player = upgrade()
        if not player.settle_killed_at(number, edge):
            return
        player.world.engine.crash()
        player.settle()
        assert violations(player) == [], f"crash {edge} action {number}"
        assert player.idle()


@pytest.mark.parametrize(
    "behaviour", [unhealthy(), never_healthy(), exits(1), exits(0), exits(3, 2.0), killed_by_oom(), cannot_start()]
)
def test_a_release_that_fails_is_put_back_and_quarantined(behaviour: Behaviour) -> None:
    player = deployed()
    image = player.world.publish("shop/bad", behaviour=behaviour)
    player.want(player.world.desired(release="2", image=image, config=CONFIG))
    verdict = player.settle()
    assert verdict.kind == "rolled-back"
    assert violations(player) == []
    mutations = player.world.engine.mutations
    for _ in range(100):
        _, outcomes, again = player.one_pass()
        assert (outcomes, again.kind) == ((), "held")
    assert player.world.engine.mutations == mutations


def test_a_first_release_that_fails_is_kept_stopped_for_a_look() -> None:
    world = World()
    image = world.publish("shop/bad", behaviour=exits(1, logs=("no config",)))
    player = Player(world, world.desired(image=image, config=CONFIG))
    verdict = player.settle()
    assert verdict.kind == "failed"
    assert "nothing to go back to" in verdict.reason
    rows = world.engine.list_containers()
    assert [(row.name, row.running) for row in rows] == [("web-failed-g1", False)]


def test_going_back_to_a_kept_container_starts_it_again() -> None:
    player = rollback_to_kept()
    kept = next(row.id for row in player.world.engine.list_containers() if row.name == "web-previous-g1")
    assert player.settle().kind == "converged"
    serving = player.world.engine.container("web")
    assert serving.id == kept
    assert violations(player) == []


def test_rolling_back_needs_no_registry() -> None:
    player = deployed()
    first = player.documents["web"]
    player.want(player.world.desired(release="2", config=CONFIG))
    player.settle()
    player.world.registry.reachable = False
    player.want(first)
    assert player.settle() == Verdict(kind="converged")
    assert violations(player) == []


@pytest.mark.parametrize("after", [False, True])
def test_an_engine_call_that_fails_anywhere_leaves_nothing_worse(after: bool) -> None:
    for number in range(1, MOST_ACTIONS):
        player = upgrade()
        already = player.world.engine.mutations
        player.world.engine.fail_call(already + number, EngineUnavailable("connection reset"), after=after)
        player.settle()
        if player.world.engine.mutations < already + number:
            return
        player.world.clock.advance(400)
        player.settle()
        assert violations(player) == [], f"call {number}"
        assert player.idle(), f"call {number}"


def unanswered_creation(monkeypatch: pytest.MonkeyPatch) -> Player:
    """The engine has created the new container and gone away: nobody heard it, and nobody could look."""
    player = upgrade()
    engine = player.world.engine
    create = engine.create

    def unheard(*args: Any, **options: Any) -> str:
        create(*args, **options)
        engine.go_away()
        raise EngineUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(engine, "create", unheard)
        player.one_pass()
    engine.come_back()
    assert len(engine.list_containers()) == 2
    assert player.world.journal.record("web").open is not None
    return player


@pytest.mark.parametrize("edge", ["before", "after"])
def test_what_was_created_unheard_is_ours_and_goes_wherever_that_is_interrupted(
    edge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, MOST_ACTIONS):
        player = unanswered_creation(monkeypatch)
        killed = player.settle_killed_at(number, edge)
        player.settle()
        player.world.clock.advance(400)
        player.settle()
        assert violations(player) == [], f"killed {edge} action {number}"
        assert player.idle(), f"killed {edge} action {number}"
        assert [row.name for row in player.world.engine.list_containers()] == ["web"]
        if not killed:
            assert number > 5
            return
    pytest.fail("the story has no end")
