"""A history of yesterday: what it does not know of is not gone back on, and the reason is told.

Somebody puts a backup of the history back that ends before the release that runs. The running container is one
that the history has never heard of; its labels say that this installation made it, and in which generation.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from reconciler.core.container import ContainerConfig, HealthProbe, PortBinding
from tests.simulator.player import Player
from tests.simulator.world import World

CONFIG = ContainerConfig(health=HealthProbe(test=("CMD", "probe")), ports=(PortBinding(80, host_port=8080),))


def of_yesterday(*, keep: bool, releases: int = 1) -> Player:
    """The history ends with release 1; releases after it were deployed since."""
    world = World()
    player = Player(world, world.desired(release="1", config=CONFIG, cleanup_previous=not keep))
    assert player.settle().kind == "converged"
    backup = copy.deepcopy(world.journal._records)  # as one copies the file
    for number in range(2, 2 + releases):
        player.want(world.desired(release=str(number), config=CONFIG, cleanup_previous=not keep))
        assert player.settle().kind == "converged"
    world.journal._records = backup
    return player


def seen(player: Player) -> list[tuple[str, str, str]]:
    return sorted((row.name, row.id, row.status) for row in player.world.engine.list_containers())


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("wanted", ["1", "2", "3"])
def test_nothing_is_touched_and_it_says_why(wanted: str, keep: bool) -> None:
    player = of_yesterday(keep=keep)
    player.want(player.world.desired(release=wanted, config=CONFIG, cleanup_previous=not keep))
    before = seen(player)
    verdict = player.settle()
    assert seen(player) == before
    assert verdict.kind == "blocked"
    assert "its generation is 2, the history ends with 1" in verdict.reason


def test_adoption_is_the_way_on() -> None:
    player = of_yesterday(keep=False)
    before = seen(player)
    player.want(replace(player.documents["web"], adopt=True))
    assert player.settle().kind == "converged"
    assert seen(player) == before
    assert player.idle()


def test_a_generation_that_the_history_lost_is_not_used_again() -> None:
    """Names and labels carry it: the next one of this document is beyond all that the host knows."""
    player = of_yesterday(keep=False, releases=3)
    player.want(replace(player.documents["web"], adopt=True))
    assert player.settle().kind == "converged"
    player.want(player.world.desired(release="9", config=CONFIG, adopt=True))
    assert player.settle().kind == "converged"
    assert player.world.journal.record("web").generation > 4


def test_a_container_of_a_history_that_was_lost_is_told_as_such_and_adopted() -> None:
    player = of_yesterday(keep=False)
    labels = {"stella.document": "web", "stella.owner": "another", "stella.generation": "5"}
    player.world.engine.by_hand.remove("web")
    player.world.engine.by_hand.run("web", labels=labels)
    before = seen(player)
    verdict = player.settle()
    assert seen(player) == before
    assert verdict.kind == "blocked"
    assert "controller another made it for this document" in verdict.reason
    assert "before its history was lost, set spec.adopt: true" in verdict.reason


@pytest.mark.parametrize("generation", ["", "-1", "two", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_labels_that_say_no_generation_are_a_stranger_s(generation: str) -> None:
    world = World()
    player = Player(world, world.desired(release="1", config=CONFIG))
    labels = {"stella.document": "web", "stella.owner": world.journal.owner, "stella.generation": generation}
    world.engine.by_hand.run("web", labels=labels)
    verdict = player.settle()
    assert verdict.kind == "blocked"
    assert "held by a container that is not ours" in verdict.reason


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("number", range(1, 14))
def test_a_copy_made_in_the_middle_of_a_deploy_takes_back_nothing_of_what_came_later(
    number: int, keep: bool
) -> None:
    world = World()
    player = Player(world, world.desired(release="1", config=CONFIG, cleanup_previous=not keep))
    player.settle()
    player.want(world.desired(release="2", config=CONFIG, cleanup_previous=not keep))
    player.settle_killed_at(number, "after")
    backup = copy.deepcopy(world.journal._records)
    player.settle()
    player.want(world.desired(release="3", config=CONFIG, cleanup_previous=not keep))
    player.settle()
    world.journal._records = backup
    (serving,) = (row for row in seen(player) if row[0] == "web")
    player.settle()
    assert serving in seen(player)
