"""What a person does with the docker command changes the host, and is no call of the reconciler."""

from __future__ import annotations

import pytest

from reconciler.core.container import ContainerConfig, RestartPolicy
from reconciler.errors import EngineRefused, EngineUnavailable, NameTaken
from tests.simulator.engine import SimulatedEngine

MIB = 1024 * 1024


@pytest.fixture
def docker() -> SimulatedEngine:
    simulated = SimulatedEngine()
    simulated.by_hand.run("web", labels={"stella.document": "web"})
    return simulated


def test_nothing_by_hand_is_counted_or_struck_by_a_fault(docker: SimulatedEngine) -> None:
    docker.fail_call(1, EngineUnavailable("no answer"))
    docker.by_hand.stop("web")
    docker.by_hand.start("web")
    assert (docker.mutations, docker.calls) == (0, [])
    assert docker.container("web").status == "running"


def test_a_copy_of_labels_is_another_container(docker: SimulatedEngine) -> None:
    copy = docker.by_hand.copy_labels("web", to="copy")
    assert docker.container("copy").id == copy != docker.container("web").id
    assert docker.container("copy").config.labels == docker.container("web").config.labels


def test_a_recreated_container_has_its_labels_and_another_id(docker: SimulatedEngine) -> None:
    before = docker.container("web")
    after = docker.by_hand.recreate("web", environment={"COLOUR": "red"})
    assert docker.container("web").id == after != before.id
    assert docker.container("web").config.labels == before.config.labels
    assert docker.container("web").config.environment == {"COLOUR": "red"}


def test_removing_by_force_takes_a_running_one(docker: SimulatedEngine) -> None:
    docker.by_hand.remove("web")
    assert docker.list_containers() == ()


def test_a_rename_can_make_room_for_a_stranger(docker: SimulatedEngine) -> None:
    with pytest.raises(NameTaken):
        docker.by_hand.run("web")
    docker.by_hand.rename("web", "mine")
    docker.by_hand.run("web")
    assert {row.name for row in docker.list_containers()} == {"web", "mine"}


def test_limits_policies_and_networks_are_changed(docker: SimulatedEngine) -> None:
    docker.create_network("front")
    docker.by_hand.update_memory("web", 64 * MIB)
    docker.by_hand.update_restart("web", RestartPolicy("always"))
    docker.by_hand.connect("web", "front", "shop")
    docker.by_hand.disconnect("web", "bridge")
    config = docker.container("web").config
    assert (config.memory_bytes, config.memory_swap_bytes) == (64 * MIB, 64 * MIB)
    assert config.restart_policy == RestartPolicy("always")
    assert [str(item) for item in config.networks or ()] == ["front (shop)"]


def test_a_crash_is_answered_by_the_restart_policy_and_a_kill_is_not(docker: SimulatedEngine) -> None:
    docker.by_hand.update_restart("web", RestartPolicy("always"))
    docker.by_hand.crash("web")
    docker.clock.sleep(1)
    assert (docker.container("web").status, docker.container("web").restart_count) == ("running", 1)
    docker.by_hand.kill("web")
    docker.clock.sleep(60)
    assert docker.container("web").status == "exited"
    with pytest.raises(EngineRefused):
        docker.by_hand.kill("web")


def test_pause_and_unpause(docker: SimulatedEngine) -> None:
    docker.by_hand.pause("web")
    with pytest.raises(EngineRefused):
        docker.by_hand.pause("web")
    assert docker.container("web").status == "paused"
    docker.by_hand.unpause("web")
    assert docker.container("web").status == "running"


def test_an_image_in_use_stays(docker: SimulatedEngine) -> None:
    reference = docker.container("web").image_reference
    assert docker.by_hand.remove_image(reference) is False
    docker.by_hand.remove("web")
    assert docker.by_hand.remove_image(reference) is True


def test_a_removed_network_is_missed_at_the_next_start(docker: SimulatedEngine) -> None:
    docker.create_network("front")
    docker.by_hand.connect("web", "front")
    docker.by_hand.stop("web")
    docker.by_hand.remove_network("front")
    with pytest.raises(EngineRefused):
        docker.by_hand.start("web")


def test_a_file_in_a_volume_can_be_forged(docker: SimulatedEngine) -> None:
    helper = docker.container("web").image_reference
    docker.write_volume("data", "version.json", b"{}", helper=helper)
    docker.by_hand.write_file("data", "/version.json", b"forged")
    assert docker.read_volume("data", "version.json", helper=helper, limit=100) == b"forged"


@pytest.mark.parametrize("command", ["start", "stop", "kill", "pause", "remove"])
def test_a_name_that_is_not_there_is_a_mistake_of_the_test(docker: SimulatedEngine, command: str) -> None:
    with pytest.raises(LookupError):
        getattr(docker.by_hand, command)("nobody")


def test_a_stranger_with_a_configuration_of_its_own(docker: SimulatedEngine) -> None:
    docker.by_hand.run("db", config=ContainerConfig(memory_bytes=64 * MIB))
    assert docker.container("db").config.memory_swap_bytes == 128 * MIB
