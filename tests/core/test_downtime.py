"""What a plan costs those who use the app."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import ComposeUp, StartService
from reconciler.core.container import ContainerConfig, HealthProbe
from reconciler.core.desired import Strategy
from reconciler.core.downtime import downtime
from reconciler.core.plan import Plan
from reconciler.core.planning import make_plan
from tests.core.compose.host import document, service
from tests.simulator.player import Player
from tests.simulator.world import World

CHECKED = ContainerConfig(health=HealthProbe(test=("CMD", "probe")))


def next_release(**fields: Any) -> Plan:
    """The plan of a second release, and of the first one where nothing is deployed yet."""
    world = World()
    player = Player(world, world.desired(image=world.publish("shop/web"), config=CHECKED))
    assert downtime(make_plan(player.situation("web"))) == "", "nobody uses what was never there"
    assert player.settle().kind == "converged"
    player.want(world.desired(release="2", image=world.publish("shop/web"), config=CHECKED, **fields))
    return make_plan(player.situation("web"))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("stop-first", "from stop to healthy, 60s at most"),
        ("start-first", "none: the new one is healthy before the old one stops"),
    ],
)
def test_the_order_of_a_replacement_decides(order: Any, expected: str) -> None:
    assert downtime(next_release(strategy=Strategy(order=order))) == expected


def test_a_project_is_down_from_its_compose_up_until_nobody_knows_when_without_a_wait() -> None:
    desired = document("r2", service("web"))
    up = ComposeUp(document="shop", cause="x", desired=desired, restarts=("web",))
    start = StartService(document="shop", cause="x", desired=desired, service="web")
    plan = Plan(document="shop", purpose="deploy", actions=(up, start))
    assert downtime(plan) == "from stop to healthy"
    assert downtime(replace(plan, actions=(replace(up, restarts=()), start))) == ""
