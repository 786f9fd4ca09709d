"""Snapshots with as few calls as possible, on a simulated host."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import cast

import pytest

from reconciler.core import names
from reconciler.core.action import ContainerRef, UpdateLimits
from reconciler.core.container import ContainerConfig, RestartPolicy
from reconciler.core.delivery import delivered_file
from reconciler.core.desired import ImageReference, StickerPlace
from reconciler.core.interfaces import Engine
from reconciler.core.observation import ContainerDetail, ContainerRow, EngineFacts, StickerReading, Subject
from reconciler.engine.observe import Observer
from reconciler.errors import EngineUnavailable
from tests.simulator.deliveries import MemoryDeliveries
from tests.simulator.deployments import MemoryDeployments
from tests.simulator.engine import SimulatedEngine
from tests.simulator.world import World

FULL_EVERY_S = 300.0
IN_VOLUME = StickerPlace(location="volume", volume="data", path="/version.json")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Host(World):
    """A simulated host with one image, an Observer, and a count of the calls it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.monotonic = Clock()
        self.observer = Observer(self.engine, self.stickers, full_every_s=FULL_EVERY_S, clock=self.monotonic)
        self.image = self.publish()
        self.engine.pull(self.image, deadline_s=9, progress=lambda line: None)

    def make(self, name: str, document: str = "", config: ContainerConfig | None = None) -> str:
        labels = {names.DOCUMENT: document} if document else {}
        config = config or ContainerConfig()
        return self.engine.create(name, image=self.image, config=config, labels=labels)

    def calls(self) -> list[str]:
        """Names of the calls since the last time."""
        found = [call.method for call in self.engine.calls]
        self.engine.calls.clear()
        return found

    def subject(self, name: str = "web", **fields: object) -> Subject:
        place = StickerPlace(path=f"/var/stella/{name}/version.json")
        subject = Subject(name=name, container_names=(name,), images=(self.image,), sticker=place)
        return replace(subject, **fields)  # type: ignore[arg-type]  # whatever a test wants to be different


@pytest.fixture
def host() -> Host:
    return Host()


def settled(host: Host, *subjects: Subject) -> None:
    """Observe once, so that everything is known."""
    host.observer.observe(subjects)
    host.calls()


def test_a_quiet_pass_is_one_call(host: Host) -> None:
    host.make("web", "web")
    host.make("stranger")
    settled(host, host.subject())
    for _ in range(100):
        host.observer.observe([host.subject()])
    assert host.calls() == ["list_containers"] * 100


def test_the_first_look_inspects_what_could_matter(host: Host) -> None:
    ours = host.make("web-next-g2", "web")
    foreign = host.make("web")
    known = host.make("renamed")
    host.make("stranger", "other")
    seen = host.observer.observe([host.subject(container_ids=frozenset({known}))])
    assert set(seen.details) == {ours, foreign, known}
    assert len(seen.containers) == 4
    assert set(seen.images) == {detail.image_id for detail in seen.details.values()}
    assert seen.engine == host.engine.facts()
    assert (seen.references, seen.networks) == ({}, None)


def test_a_changed_row_is_inspected_again(host: Host) -> None:
    container = host.make("web", "web")
    settled(host, host.subject())
    host.engine.start(container)
    host.calls()
    seen = host.observer.observe([host.subject()])
    assert host.calls() == ["list_containers", "inspect_container"]
    assert seen.details[container].status == "running"


def test_a_touched_container_is_inspected_again(host: Host) -> None:
    container = host.make("web", "web", ContainerConfig(memory_bytes=64 << 20))
    settled(host, host.subject())
    limits = UpdateLimits(document="web", cause="", container=ContainerRef("web"), memory_bytes=32 << 20)
    host.engine.update_limits(container, limits)
    assert host.observer.observe([host.subject()]).details[container].config.memory_bytes == 64 << 20
    host.observer.touch(container)
    assert host.observer.observe([host.subject()]).details[container].config.memory_bytes == 32 << 20


def test_what_is_touched_while_it_is_inspected_is_inspected_again() -> None:
    class Touchy(SimulatedEngine):
        def inspect_container(self, container_id: str) -> ContainerDetail | None:
            detail = super().inspect_container(container_id)
            if detail is not None and detail.config.restart_policy == RestartPolicy("no"):
                self.set_restart_policy(container_id, RestartPolicy("always"))
                observer.touch(container_id)  # the event comes before the answer has been put away
            return detail

    host = Host()
    engine = Touchy(clock=host.clock, registry=host.registry)
    engine.pull(host.image, deadline_s=9, progress=lambda line: None)
    observer = Observer(engine, host.stickers, full_every_s=FULL_EVERY_S, clock=host.monotonic)
    container = engine.create("web", image=host.image, config=ContainerConfig(), labels={})
    observer.observe([host.subject()])
    seen = observer.observe([host.subject()]).details[container]
    assert seen.config.restart_policy == RestartPolicy("always")


def test_everything_is_asked_anew_after_the_full_period_and_on_request(host: Host) -> None:
    host.make("web", "web")
    settled(host, host.subject())
    host.monotonic.now = FULL_EVERY_S - 1
    host.observer.observe([host.subject()])
    assert host.calls() == ["list_containers"]
    host.monotonic.now = FULL_EVERY_S
    host.observer.observe([host.subject()])
    assert sorted(host.calls()) == ["facts", "inspect_container", "list_containers"]
    host.observer.observe([host.subject()], full=True)
    assert sorted(host.calls()) == ["facts", "inspect_container", "list_containers"]


def test_a_container_that_vanished_is_forgotten(host: Host) -> None:
    container = host.make("web", "web")
    settled(host, host.subject())
    host.engine.remove(container, volumes=False)
    assert host.observer.observe([host.subject()]).details == {}


def test_a_container_that_vanishes_between_list_and_inspect_is_not_in_the_details() -> None:
    class Fleeting(SimulatedEngine):
        def inspect_container(self, container_id: str) -> ContainerDetail | None:
            self.remove(container_id, volumes=False)
            return super().inspect_container(container_id)

    host = Host()
    engine = Fleeting(clock=host.clock, registry=host.registry)
    engine.pull(host.image, deadline_s=9, progress=lambda line: None)
    observer = Observer(engine, host.stickers, full_every_s=FULL_EVERY_S, clock=host.monotonic)
    engine.create("web", image=host.image, config=ContainerConfig(), labels={})
    seen = observer.observe([host.subject()])
    assert (len(seen.containers), seen.details) == (1, {})


def test_the_engine_is_asked_about_itself_again_after_it_was_away(host: Host) -> None:
    settled(host, host.subject())
    host.engine.go_away()
    with pytest.raises(EngineUnavailable):
        host.observer.observe([host.subject()])
    host.engine.come_back()
    host.engine.host.facts = EngineFacts(version="26.1", api_version="1.45")
    assert host.observer.observe([host.subject()]).engine.version == "26.1"


def test_an_image_that_is_gone_is_asked_for_once_in_a_full_period(host: Host) -> None:
    host.make("web", "web")
    host.engine.host.images.clear()
    seen = host.observer.observe([host.subject()])
    assert seen.images == {}
    assert "inspect_image" in host.calls()
    host.observer.observe([host.subject()])
    assert host.calls() == ["list_containers"]


def test_completing_looks_up_images_and_networks(host: Host) -> None:
    missing = ImageReference("shop/none", "sha256:" + "0" * 64)
    subjects = [host.subject(), host.subject("db"), host.subject("cache", images=(missing,))]
    seen = host.observer.observe(subjects)
    host.calls()
    whole = host.observer.complete(seen, subjects)
    image_id = whole.references[str(host.image)]
    assert image_id is not None
    assert whole.references == {str(host.image): image_id, str(missing): None}
    assert str(host.image) in whole.images[image_id].repo_digests
    assert whole.networks == host.engine.list_networks()
    assert whole.containers == seen.containers
    assert host.calls().count("inspect_image") == 2


def test_completing_forgets_the_engine_when_it_is_away(host: Host) -> None:
    seen = host.observer.observe([host.subject()])
    host.engine.go_away()
    with pytest.raises(EngineUnavailable):
        host.observer.complete(seen, [host.subject()])
    host.engine.come_back()
    host.calls()
    host.observer.observe([host.subject()])
    assert "facts" in host.calls()


def test_a_sticker_on_the_host_is_read_every_time(host: Host) -> None:
    subject = host.subject()
    assert host.observer.observe([subject]).stickers["web"].fact == "absent"
    host.stickers.contents[subject.sticker] = b"now"
    assert host.observer.observe([subject]).stickers["web"].content == b"now"


def reading(host: Host, subject: Subject, *, full: bool = False) -> StickerReading | None:
    return host.observer.observe([subject], full=full).stickers.get("web")


def test_a_sticker_in_a_volume_is_told_from_memory_until_something_happens(host: Host) -> None:
    container = host.make("web", "web")
    subject = host.subject(sticker=IN_VOLUME)
    host.stickers.contents[IN_VOLUME] = b"1"
    assert reading(host, subject) == StickerReading(fact="present", content=b"1")
    host.stickers.contents[IN_VOLUME] = b"2"
    assert reading(host, subject) == StickerReading(fact="present", content=b"1")
    assert reading(host, subject, full=True) == StickerReading(fact="present", content=b"2")
    host.stickers.contents[IN_VOLUME] = b"3"
    host.observer.touch("another")
    assert reading(host, subject) == StickerReading(fact="present", content=b"2")
    host.observer.touch(container)
    assert reading(host, subject) == StickerReading(fact="present", content=b"3")
    host.stickers.contents[IN_VOLUME] = b"4"
    host.make("web-next-g2", "web")
    assert reading(host, subject) == StickerReading(fact="present", content=b"4")


def test_completing_reads_a_sticker_in_a_volume_anew(host: Host) -> None:
    host.make("web", "web")
    subject = host.subject(sticker=IN_VOLUME)
    seen = host.observer.observe([subject])
    host.stickers.contents[IN_VOLUME] = b"written"
    assert host.observer.complete(seen, [subject]).stickers["web"].content == b"written"
    assert host.observer.observe([subject]).stickers["web"].content == b"written"


def test_a_sticker_in_a_volume_is_not_read_without_an_image_for_the_helper(host: Host) -> None:
    missing = ImageReference("shop/none", "sha256:" + "0" * 64)
    subject = host.subject(sticker=IN_VOLUME, images=(missing,))
    assert reading(host, subject) is None
    known = host.engine.inspect_image(str(host.image))
    assert known is not None
    assert reading(host, replace(subject, image_ids=frozenset({known.id}))) == StickerReading(fact="absent")


def test_many_threads_may_observe_at_once(host: Host) -> None:
    containers = {host.make(f"app{number}", f"app{number}") for number in range(8)}
    subjects = [host.subject(f"app{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda subject: host.observer.observe([subject]), subjects * 20))
    assert {container for one in seen for container in one.details} == containers
    host.calls()
    host.observer.observe(subjects)
    assert host.calls() == ["list_containers"]


# Projects.


def project_subject(host: Host) -> Subject:
    return host.subject("shop", projects=frozenset({"shop"}), directory="/srv/shop", files=("revisions/1/lock",))


def test_whatever_is_in_a_project_is_inspected_also_what_was_put_there_by_hand(host: Host) -> None:
    ours = host.make("shop-web-1", "shop")
    labels = {"com.docker.compose.project": "shop"}
    by_hand = host.engine.create("byhand", image=host.image, config=ContainerConfig(), labels=labels)
    other = {"com.docker.compose.project": "other"}
    host.engine.create("other-web-1", image=host.image, config=ContainerConfig(), labels=other)
    seen = host.observer.observe([project_subject(host)])
    assert set(seen.details) == {ours, by_hand}
    host.calls()
    host.observer.observe([project_subject(host)])
    assert host.calls() == ["list_containers"]


def test_the_directory_of_a_project_is_read_and_no_other(host: Host) -> None:
    deployments = MemoryDeployments()
    deployments.write("/srv/shop", {"revisions/1/lock": b"services", "revisions/1/manifest.json": b"{}"})
    deployments.activate("/srv/shop", "1")
    observer = Observer(
        host.engine,
        host.stickers,
        full_every_s=FULL_EVERY_S,
        clock=host.monotonic,
        deployments=deployments,
    )
    seen = observer.observe([host.subject("web"), project_subject(host)])
    assert set(seen.deployments) == {"shop"}
    assert seen.deployments["shop"].active == "1"
    assert set(seen.deployments["shop"].digests) == {"revisions/1/lock"}
    completed = observer.complete(seen, [project_subject(host)])
    assert completed.deployments == seen.deployments
    assert host.observer.observe([project_subject(host)]).deployments == {}


def test_what_is_delivered_is_read_for_every_document_in_every_look(host: Host) -> None:
    item = delivered_file("/etc/app.yml", b"level: info")
    deliveries = MemoryDeliveries(set())
    deliveries.write("web", (item,))
    observer = Observer(
        host.engine, host.stickers, full_every_s=FULL_EVERY_S, clock=host.monotonic, deliveries=deliveries
    )
    subjects = [replace(host.subject("web"), deliveries=(item,)), project_subject(host)]
    seen = observer.observe(subjects)
    assert set(seen.deliveries) == {"web", "shop"}
    assert seen.deliveries["web"].states == {item.version: "current"}
    deliveries.drop(item.path(deliveries.places, "web"))
    host.calls()
    assert observer.observe(subjects).deliveries["web"].states == {item.version: "absent"}
    assert host.calls() == ["list_containers"]
    assert host.observer.observe(subjects).deliveries == {}


def test_every_image_of_a_project_is_looked_up(host: Host) -> None:
    other = host.publish("shop/other")
    subject = replace(project_subject(host), images=(host.image, other))
    seen = host.observer.complete(host.observer.observe([subject]), [subject])
    assert set(seen.references) == {str(host.image), str(other)}
    assert seen.references[str(other)] is None


def test_an_inspect_that_contradicts_the_list_counts(host: Host) -> None:
    container = host.make("web")
    host.engine.start(container)
    settled(host, host.subject())
    before = host.engine.list_containers()
    host.engine.by_hand.kill("web")
    late = Observer(
        cast("Engine", _Late(host.engine, before)), host.stickers, full_every_s=FULL_EVERY_S, clock=host.monotonic
    )
    for _ in range(2):  # nothing of it is remembered: the list may catch up in either direction
        seen = late.observe((host.subject(),))
        assert (seen.containers[0].status, seen.details[container].status) == ("exited", "exited")
    assert host.calls().count("inspect_container") == 2


class _Late:
    """The engine as it is, but for its list."""

    def __init__(self, engine: SimulatedEngine, rows: tuple[ContainerRow, ...]) -> None:
        self._engine = engine
        self._rows = rows

    def list_containers(self) -> tuple[ContainerRow, ...]:
        return self._rows

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)
