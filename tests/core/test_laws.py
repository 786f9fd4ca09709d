"""Laws: whatever was done by hand, one settling brings the host back, and a second one finds nothing to do."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig, HealthProbe, NetworkAttachment, RestartPolicy
from tests.simulator.by_hand import ByHand
from tests.simulator.oracle import violations
from tests.simulator.player import Player
from tests.simulator.world import World

CONFIG = ContainerConfig(
    health=HealthProbe(test=("CMD", "probe")),
    memory_bytes=64 << 20,
    networks=(NetworkAttachment("front", ("web",)),),
    environment={"LEVEL": "info"},
)

HAND = st.sampled_from(["stop", "kill", "remove", "pause", "rename", "memory", "restart", "disconnect", "connect"])


def act(hand: ByHand, what: str) -> None:
    """One thing a person may do; what is not possible now is left."""
    deeds: dict[str, Callable[[], object]] = {
        "stop": lambda: hand.stop("web"),
        "kill": lambda: hand.kill("web"),
        "remove": lambda: hand.remove("web"),
        "pause": lambda: hand.pause("web"),
        "rename": lambda: hand.rename("web", "elsewhere"),
        "memory": lambda: hand.update_memory("web", 128 << 20),
        "restart": lambda: hand.update_restart("web", RestartPolicy("no")),
        "disconnect": lambda: hand.disconnect("web", "front"),
        "connect": lambda: hand.connect("web", "bridge"),
    }
    try:
        deeds[what]()
    except Exception as error:  # noqa: BLE001  (a person's command that the engine refuses changes nothing)
        assert str(error)  # noqa: PT017


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(HAND, st.integers(1, 3)), min_size=1, max_size=5))
def test_hand_edits_and_new_releases_in_any_order_converge(deeds: list[str | int]) -> None:
    world = World()
    player = Player(world, world.desired(release="0", config=CONFIG))
    player.settle()
    for deed in deeds:
        if isinstance(deed, int):
            player.want(world.desired(release=str(deed), config=CONFIG))
        else:
            act(world.engine.by_hand, deed)
    assert player.settle().kind == "converged"
    assert violations(player) == []
    assert player.idle()


@settings(max_examples=40, deadline=None)
@given(st.lists(HAND, min_size=1, max_size=4))
def test_performing_a_plan_and_planning_again_gives_an_empty_plan(deeds: list[str]) -> None:
    world = World()
    player = Player(world, world.desired(config=CONFIG))
    player.settle()
    for deed in deeds:
        act(world.engine.by_hand, deed)
    planned, outcomes, _ = player.one_pass()
    assert [item.action for item in outcomes] == list(planned.actions)
    assert player.plan().actions == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.booleans())
def test_a_foreign_container_is_never_touched(number: int, kill: bool) -> None:
    world = World()
    player = Player(world, world.desired(config=CONFIG))
    hand = world.engine.by_hand
    hand.run("foreign")
    player.settle()
    copy = hand.copy_labels("web", to="copy")
    before = {name: world.engine.container(name) for name in ("foreign", "copy")}
    started = {name: (item.id, item.started_at) for name, item in before.items()}
    player.want(world.desired(release="2", config=CONFIG))
    if kill:
        player.settle_killed_at(number, "after")
    player.settle()
    assert {name: (item.id, item.started_at) for name, item in before.items()} == started
    assert world.engine.container("copy").id == copy
    assert all(world.engine.container(name).status == "running" for name in started)
