"""Engine contract: images, networks, volumes and events of a host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from reconciler.core.container import ContainerConfig, Mount, NetworkAttachment
from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import EngineEvent
from reconciler.errors import EngineRefused, ImageNotFound, NotFound, RegistryUnavailable
from tests.contracts.engine_steps import GONE, have, listed, make, run, shown
from tests.contracts.engine_worlds import FACTS, EngineWorld

NOWHERE = "sha256:" + "0" * 64


def only(world: EngineWorld) -> ImageReference:
    """An image of this test alone, not yet on the host."""
    return world.publish(facts=replace(FACTS, labels={"only": world.name("image")}))


def pull(world: EngineWorld, image: ImageReference) -> list[str]:
    lines: list[str] = []
    world.engine.pull(image, deadline_s=30, progress=lines.append)
    return lines


# The engine.


def test_the_engine_says_what_it_is(world: EngineWorld) -> None:
    facts = world.engine.facts()
    assert facts.version
    assert facts.api_version >= "1.41"
    assert (facts.os, facts.log_driver) == ("linux", "json-file")
    assert facts.architecture


# Images.


def test_a_pulled_image_is_found_by_reference_and_by_id(world: EngineWorld) -> None:
    image = only(world)
    assert world.engine.inspect_image(str(image)) is None
    assert pull(world, image)
    facts = world.engine.inspect_image(str(image))
    assert facts is not None
    assert str(image) in facts.repo_digests
    assert facts.command == FACTS.command
    assert dict(facts.environment) == dict(FACTS.environment)
    assert (facts.os, bool(facts.architecture), facts.health) == ("linux", True, None)
    assert world.engine.inspect_image(facts.id) == facts


def test_pulling_again_changes_nothing(world: EngineWorld) -> None:
    image = only(world)
    pull(world, image)
    before = world.engine.inspect_image(str(image))
    pull(world, image)
    assert world.engine.inspect_image(str(image)) == before


def test_a_digest_that_the_registry_does_not_have_is_not_found(world: EngineWorld) -> None:
    image = replace(only(world), digest=NOWHERE)
    with pytest.raises(ImageNotFound):
        pull(world, image)
    assert world.engine.inspect_image(str(image)) is None


def test_a_registry_that_does_not_answer_is_unavailable(world: EngineWorld) -> None:
    with world.registry_away() as repository, pytest.raises(RegistryUnavailable):
        pull(world, ImageReference(repository, NOWHERE))


def test_an_image_nobody_uses_is_removed_once(world: EngineWorld) -> None:
    image = only(world)
    pull(world, image)
    assert world.engine.remove_image(str(image)) is True
    assert world.engine.inspect_image(str(image)) is None
    assert world.engine.remove_image(str(image)) is False


def test_an_image_that_a_container_needs_stays(world: EngineWorld) -> None:
    image = only(world)
    pull(world, image)
    container = make(world, image)
    assert world.engine.remove_image(str(image)) is False
    assert world.engine.inspect_image(str(image)) is not None
    world.engine.remove(container, volumes=False)
    assert world.engine.remove_image(str(image)) is True


def test_only_the_reference_that_was_named_is_removed(world: EngineWorld) -> None:
    facts = replace(FACTS, labels={"only": world.name("image")})
    here, there = world.publish(facts=facts), world.publish(facts=facts, repository="mirror")
    assert here.digest == there.digest
    pull(world, here)
    pull(world, there)
    container = make(world, there)
    assert world.engine.remove_image(str(here)) is True
    assert world.engine.inspect_image(str(here)) is None
    assert world.engine.inspect_image(str(there)) is not None
    assert world.engine.remove_image(str(there)) is False
    world.engine.remove(container, volumes=False)
    assert world.engine.remove_image(str(there)) is True


# Networks.


def test_a_network_is_made_once(world: EngineWorld) -> None:
    front = world.name("front")
    assert front not in world.engine.list_networks()
    world.engine.create_network(front)
    world.engine.create_network(front)
    assert front in world.engine.list_networks()
    assert {"bridge", "host", "none"} <= world.engine.list_networks()


@pytest.mark.parametrize("running", [True, False], ids=["running", "created"])
def test_connecting_and_disconnecting_twice_does_it_once(world: EngineWorld, running: bool) -> None:
    front = NetworkAttachment(world.name("front"), ("shop", "web"))
    world.engine.create_network(front.name)
    container = (run if running else make)(world, have(world))
    world.engine.connect(container, front)
    world.engine.connect(container, front)
    assert front in (shown(world, container).config.networks or ())
    assert listed(world, container).networks == ("bridge", front.name)
    world.engine.disconnect(container, front.name)
    world.engine.disconnect(container, front.name)
    assert listed(world, container).networks == ("bridge",)


def test_a_network_that_is_not_there_cannot_be_connected(world: EngineWorld) -> None:
    container = make(world, have(world))
    with pytest.raises(NotFound):
        world.engine.connect(container, NetworkAttachment(world.name("nowhere")))
    world.engine.disconnect(container, world.name("nowhere"))
    assert listed(world, container).networks == ("bridge",)


def test_what_is_gone_cannot_be_connected(world: EngineWorld) -> None:
    world.engine.create_network(world.name("front"))
    with pytest.raises(NotFound):
        world.engine.connect(GONE, NetworkAttachment(world.name("front")))


# Volumes.


@pytest.mark.parametrize("volumes", [True, False], ids=["removed", "kept"])
def test_anonymous_volumes_go_only_when_that_was_asked(world: EngineWorld, volumes: bool) -> None:
    image = world.publish(volumes=("/data", "/more"))
    pull(world, image)
    before = world.anonymous_volumes()
    named = Mount("/data", world.name("data"))
    container = run(world, image, ContainerConfig(mounts=(named,)))
    assert world.anonymous_volumes() == before + 1
    assert shown(world, container).config.mounts == (named,)
    world.engine.stop(container, timeout_s=None)
    world.engine.remove(container, volumes=volumes)
    assert world.anonymous_volumes() == before + (not volumes)
    assert world.has_volume(named.source)


@pytest.mark.parametrize("path", ["version.json", "/version.json", "/a/b/version.json"])
def test_a_file_of_a_volume_is_read_as_it_was_written(world: EngineWorld, path: str) -> None:
    helper, volume = str(have(world)), world.name("data")
    for content in (b"\0\xff" * 1000, b'{"release": "2"}'):
        world.engine.write_volume(volume, path, content, helper=helper)
        assert world.engine.read_volume(volume, path, helper=helper, limit=2000) == content


def test_an_empty_file_is_a_file(world: EngineWorld) -> None:
    helper, volume = str(have(world)), world.name("data")
    world.engine.write_volume(volume, "version.json", b"", helper=helper)
    assert world.engine.read_volume(volume, "version.json", helper=helper, limit=10) == b""


def test_writing_makes_the_volume_and_leaves_no_helper(world: EngineWorld) -> None:
    helper, volume = str(have(world)), world.name("data")
    before = {row.id for row in world.engine.list_containers()}
    world.engine.write_volume(volume, "version.json", b"{}", helper=helper)
    world.engine.read_volume(volume, "version.json", helper=helper, limit=10)
    assert world.has_volume(volume)
    assert {row.id for row in world.engine.list_containers()} == before


def test_files_of_a_volume_do_not_touch_one_another(world: EngineWorld) -> None:
    helper, volume = str(have(world)), world.name("data")
    world.engine.write_volume(volume, "one.json", b"1", helper=helper)
    world.engine.write_volume(volume, "two.json", b"2", helper=helper)
    assert world.engine.read_volume(volume, "one.json", helper=helper, limit=10) == b"1"


def test_reading_what_is_not_there_makes_nothing(world: EngineWorld) -> None:
    helper, volume = str(have(world)), world.name("data")
    assert world.engine.read_volume(volume, "version.json", helper=helper, limit=10) is None
    assert not world.has_volume(volume)
    world.engine.write_volume(volume, "other.json", b"{}", helper=helper)
    assert world.engine.read_volume(volume, "version.json", helper=helper, limit=10) is None
    assert world.engine.read_volume(volume, "/a/version.json", helper=helper, limit=10) is None


def test_a_file_larger_than_the_limit_is_refused(world: EngineWorld) -> None:
    helper, volume = str(have(world)), world.name("data")
    world.engine.write_volume(volume, "version.json", b"12345", helper=helper)
    assert world.engine.read_volume(volume, "version.json", helper=helper, limit=5) == b"12345"
    with pytest.raises(EngineRefused):
        world.engine.read_volume(volume, "version.json", helper=helper, limit=4)


def test_a_folder_is_not_read_as_a_file(world: EngineWorld) -> None:
    image, volume = have(world), world.name("data")
    world.engine.write_volume(volume, "other.json", b"{}", helper=str(image))
    world.make_folder(volume, "/version.json", image=image)
    with pytest.raises(EngineRefused):
        world.engine.read_volume(volume, "/version.json", helper=str(image), limit=10)


@pytest.mark.parametrize("path", ["", "/", "../version.json", "/a/../../version.json"])
def test_a_path_that_leaves_the_volume_is_refused(world: EngineWorld, path: str) -> None:
    helper, volume = str(have(world)), world.name("data")
    world.engine.write_volume(volume, "other.json", b"{}", helper=helper)
    with pytest.raises(EngineRefused):
        world.engine.write_volume(volume, path, b"{}", helper=helper)
    with pytest.raises(EngineRefused):
        world.engine.read_volume(volume, path, helper=helper, limit=10)


def test_a_helper_image_has_to_be_on_the_host(world: EngineWorld) -> None:
    missing = f"shop/helper@{NOWHERE}"
    with pytest.raises(NotFound):
        world.engine.write_volume(world.name("data"), "version.json", b"{}", helper=missing)


# Events.


class Listener:
    """Reads a stream of events in a thread of its own."""

    def __init__(self, stream: Iterator[EngineEvent]) -> None:
        self.stream = stream
        self.seen: list[EngineEvent] = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        for event in self.stream:
            self.seen.append(event)

    def close(self) -> None:
        """From this thread; the other one ends."""
        self.stream.close()  # type: ignore[attr-defined]  # promised by Engine.events, not by Iterator
        self.thread.join(timeout=10)


@contextmanager
def listening(world: EngineWorld, since_ns: int | None = None) -> Iterator[Listener]:
    listener = Listener(world.engine.events(since_ns=since_ns))
    try:
        yield listener
    finally:
        listener.close()


def actions(listener: Listener, container: str) -> list[str]:
    return [event.action for event in listener.seen if event.container_id == container]


def test_the_life_of_a_container_is_told(world: EngineWorld) -> None:
    image, front = have(world), NetworkAttachment(world.name("front"))
    world.engine.create_network(front.name)
    with listening(world) as listener:
        container = make(world, image, labels={"team": "shop"})
        world.engine.start(container)
        world.engine.rename(container, world.name("other"))
        world.engine.connect(container, front)
        world.engine.stop(container, timeout_s=None)
        world.engine.remove(container, volumes=False)
        world.wait(lambda: "destroy" in actions(listener, container))
    told = actions(listener, container)
    alone = [action for action in told if "network" not in action]
    assert (alone[:3], alone[5:]) == (["create", "start", "rename"], ["destroy"])
    assert set(alone[3:5]) == {"die", "stop"}, "engines from 25 on may tell them in this order or the other"
    assert "network-connect" in told
    first = next(event for event in listener.seen if event.container_id == container)
    assert (first.container_name, dict(first.labels)["team"]) == (world.name("web"), "shop")


def test_a_reader_goes_on_after_the_last_event_it_saw(world: EngineWorld) -> None:
    image = have(world)
    with listening(world) as listener:
        first = make(world, image)
        world.wait(lambda: actions(listener, first) == ["create"])
    second = make(world, image, word="second")
    with listening(world, since_ns=listener.seen[-1].time_ns) as later:
        world.wait(lambda: actions(later, second) == ["create"])
        assert actions(later, first) == []


def test_times_of_events_do_not_go_back(world: EngineWorld) -> None:
    with listening(world) as listener:
        container = run(world, have(world))
        world.wait(lambda: "start" in actions(listener, container))
    times = [event.time_ns for event in listener.seen]
    assert times == sorted(times)


def test_closing_a_stream_ends_its_reader(world: EngineWorld) -> None:
    listener = Listener(world.engine.events(since_ns=None))
    listener.close()
    assert not listener.thread.is_alive()
