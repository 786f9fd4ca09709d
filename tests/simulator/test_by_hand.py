"""What a person does with the docker command changes the host, and is no call of the reconciler."""

from __future__ import annotations

import pytest

from reconciler.core.container import ContainerConfig, RestartPolicy
from reconciler.errors import EngineRefused, EngineUnavailable, NameTaken
from tests.simulator.engine import SimulatedEngine

MIB = 1024 * 1024


@pytest.fixture
def engine() -> SimulatedEngine:
    simulated = SimulatedEngine()
    simulated.by_hand.run("web", labels={"stella.document": "web"})
    return simulated


def test_nothing_by_hand_is_counted_or_struck_by_a_fault(engine: SimulatedEngine) -> None:
    engine.fail_call(1, EngineUnavailable("no answer"))
    engine.by_hand.stop("web")
    engine.by_hand.start("web")
    assert (engine.mutations, engine.calls) == (0, [])
    assert engine.container("web").status == "running"


def test_a_copy_of_labels_is_another_container(engine: SimulatedEngine) -> None:
    copy = engine.by_hand.copy_labels("web", to="copy")
    assert engine.container("copy").id == copy != engine.container("web").id
    assert engine.container("copy").config.labels == engine.container("web").config.labels


def test_a_recreated_container_has_its_labels_and_another_id(engine: SimulatedEngine) -> None:
    before = engine.container("web")
    after = engine.by_hand.recreate("web", environment={"COLOUR": "red"})
    assert engine.container("web").id == after != before.id
    assert engine.container("web").config.labels == before.config.labels
    assert engine.container("web").config.environment == {"COLOUR": "red"}


def test_removing_by_force_takes_a_running_one(engine: SimulatedEngine) -> None:
    engine.by_hand.remove("web")
    assert engine.list_containers() == ()


def test_a_rename_can_make_room_for_a_stranger(engine: SimulatedEngine) -> None:
    with pytest.raises(NameTaken):
        engine.by_hand.run("web")
    engine.by_hand.rename("web", "mine")
    engine.by_hand.run("web")
    assert {row.name for row in engine.list_containers()} == {"web", "mine"}


def test_limits_policies_and_networks_are_changed(engine: SimulatedEngine) -> None:
    engine.create_network("front")
    engine.by_hand.update_memory("web", 64 * MIB)
    engine.by_hand.update_restart("web", RestartPolicy("always"))
    engine.by_hand.connect("web", "front", "shop")
    engine.by_hand.disconnect("web", "bridge")
    config = engine.container("web").config
    assert (config.memory_bytes, config.memory_swap_bytes) == (64 * MIB, 64 * MIB)
    assert config.restart_policy == RestartPolicy("always")
    assert [str(item) for item in config.networks or ()] == ["front (shop)"]


def test_a_crash_is_answered_by_the_restart_policy_and_a_kill_is_not(engine: SimulatedEngine) -> None:
    engine.by_hand.update_restart("web", RestartPolicy("always"))
    engine.by_hand.crash("web")
    engine.clock.sleep(1)
    assert (engine.container("web").status, engine.container("web").restart_count) == ("running", 1)
    engine.by_hand.kill("web")
    engine.clock.sleep(60)
    assert engine.container("web").status == "exited"
    with pytest.raises(EngineRefused):
        engine.by_hand.kill("web")


def test_pause_and_unpause(engine: SimulatedEngine) -> None:
    engine.by_hand.pause("web")
    with pytest.raises(EngineRefused):
        engine.by_hand.pause("web")
    assert engine.container("web").status == "paused"
    engine.by_hand.unpause("web")
    assert engine.container("web").status == "running"


def test_an_image_in_use_stays(engine: SimulatedEngine) -> None:
    reference = engine.container("web").image_reference
    assert engine.by_hand.remove_image(reference) is False
    engine.by_hand.remove("web")
    assert engine.by_hand.remove_image(reference) is True


def test_a_removed_network_is_missed_at_the_next_start(engine: SimulatedEngine) -> None:
    engine.create_network("front")
    engine.by_hand.connect("web", "front")
    engine.by_hand.stop("web")
    engine.by_hand.remove_network("front")
    with pytest.raises(EngineRefused):
        engine.by_hand.start("web")


def test_a_file_in_a_volume_can_be_forged(engine: SimulatedEngine) -> None:
    helper = engine.container("web").image_reference
    engine.write_volume("data", "version.json", b"{}", helper=helper)
    engine.by_hand.write_file("data", "/version.json", b"forged")
    assert engine.read_volume("data", "version.json", helper=helper, limit=100) == b"forged"


@pytest.mark.parametrize("command", ["start", "stop", "kill", "pause", "remove"])
def test_a_name_that_is_not_there_is_a_mistake_of_the_test(engine: SimulatedEngine, command: str) -> None:
    with pytest.raises(LookupError):
        getattr(engine.by_hand, command)("nobody")


def test_a_stranger_with_a_configuration_of_its_own(engine: SimulatedEngine) -> None:
    engine.by_hand.run("db", config=ContainerConfig(memory_bytes=64 * MIB))
    assert engine.container("db").config.memory_swap_bytes == 128 * MIB
