"""What only a real engine can show: round trips, calls on its socket, its death, left-over helpers."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from reconciler.core.action import ContainerRef, UpdateLimits
from reconciler.core.container import ContainerConfig, Mount, NetworkAttachment, PortBinding
from reconciler.core.desired import ImageReference, StickerPlace
from reconciler.core.effective import creation_config, effective_config
from reconciler.core.interfaces import EngineEvent
from reconciler.core.observation import ContainerDetail, Subject
from reconciler.engine.client import DockerEngine
from reconciler.engine.observe import Observer
from reconciler.engine.volume_files import HELPER_LABEL
from reconciler.errors import EngineRefused, EngineUnavailable, NotFound, ReconcilerError
from reconciler.sticker_store import StickerStore
from tests.engine.samples import FULL, MIB
from tests.parts.engine import PrivateEngine
from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.socket_proxy import SocketProxy
from tests.parts.standard_images import StandardImages

RICH = Recipe(
    config={
        "Cmd": ["/app/sleep"],
        "Entrypoint": ["/bin/sh"],
        "Env": ["PATH=/bin", "A=from image", "ONLY=image"],
        "User": "1000:1000",
        "WorkingDir": "/srv",
        "Labels": {"from": "image", "team": "image"},
        "StopSignal": "SIGQUIT",
        "Volumes": {"/of-the-image": {}},
        "ExposedPorts": {"80/tcp": {}, "9/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "false"], "Interval": 9_000_000_000, "Retries": 7},
    },
    files={"app/sleep": "sleep 1000\n"},
)


@pytest.fixture
def plain(live: DockerEngine, images: StandardImages) -> ImageReference:
    return pulled(live, images.plain)


def pulled(live: DockerEngine, image: PublishedImage) -> ImageReference:
    reference = ImageReference(image.repository, image.digest)
    live.pull(reference, deadline_s=60, progress=lambda line: None)
    return reference


def shown(live: DockerEngine, container: str) -> ContainerDetail:
    detail = live.inspect_container(container)
    assert detail is not None
    return detail


def full(prefix: str) -> ContainerConfig:
    """Something in every field, with names and ports of the test's own."""
    return replace(
        FULL,
        command=("-c", "trap 'exit 0' INT; sleep 1000 & wait $!"),
        entrypoint=("/bin/sh",),
        ports=(PortBinding(80, "tcp", "127.0.0.1"), PortBinding(81, "udp"), PortBinding(82)),
        mounts=(Mount("/data", f"{prefix}-data"), Mount("/etc/h", "/etc/hostname", "bind", read_only=True)),
        networks=(
            NetworkAttachment(f"{prefix}-a", ("hh", f"{prefix}-web")),
            NetworkAttachment(f"{prefix}-b"),
        ),
    )


@pytest.mark.parametrize("image", ["plain", "rich"])
def test_what_was_declared_is_read_back_in_every_field_through_a_whole_life(
    live: DockerEngine, registry: PrivateRegistry, images: StandardImages, prefix: str, image: str
) -> None:
    published = images.plain if image == "plain" else publish(registry.address, "rich", "v1", RICH)
    reference = pulled(live, published)
    declared = full(prefix)
    for network in declared.networks or ():
        live.create_network(network.name)
    wanted = effective_config(creation_config(declared), live.inspect_image(str(reference)), live.facts())
    container = live.create(f"{prefix}-web-next-g1", image=reference, config=declared, labels={})

    def differing() -> list[str]:
        found = shown(live, container).config
        return [
            field.name for field in fields(wanted) if getattr(wanted, field.name) != getattr(found, field.name)
        ]

    steps: dict[str, Callable[[], None]] = {
        "created": lambda: None,
        "renamed": lambda: live.rename(container, f"{prefix}-web"),
        "started": lambda: live.start(container),
        "stopped": lambda: live.stop(container, timeout_s=None),
        "started again": lambda: live.start(container),
    }
    for step, perform in steps.items():
        perform()
        assert (step, differing()) == (step, [])
    published_ports = {port.container_port for port in shown(live, container).published}
    assert published_ports == {80, 81, 82}
    live.stop(container, timeout_s=1)


def test_a_container_on_the_hosts_network_shows_no_hostname(
    live: DockerEngine, plain: ImageReference, prefix: str
) -> None:
    config = ContainerConfig(networks=(NetworkAttachment("host"),))
    assert shown(live, live.create(f"{prefix}-a", image=plain, config=config, labels={})).config.hostname == ""
    chosen = replace(config, hostname="mine")
    assert shown(live, live.create(f"{prefix}-b", image=plain, config=chosen, labels={})).config.hostname == "mine"


def test_a_network_that_cannot_be_joined_leaves_no_container(
    live: DockerEngine, plain: ImageReference, prefix: str
) -> None:
    live.create_network(f"{prefix}-a")
    both = ContainerConfig(networks=(NetworkAttachment("host"), NetworkAttachment(f"{prefix}-a")))
    with pytest.raises(EngineRefused):
        live.create(f"{prefix}-web", image=plain, config=both, labels={})
    assert not [row for row in live.list_containers() if row.name == f"{prefix}-web"]


def test_limits_that_cannot_be_lifted_are_refused_and_quotas_give_way(
    live: DockerEngine, plain: ImageReference, prefix: str, sdk: docker.APIClient
) -> None:
    def limits(**values: int) -> UpdateLimits:
        return UpdateLimits(document="web", cause="test", container=ContainerRef("web"), **values)

    limited = ContainerConfig(memory_bytes=64 * MIB, nano_cpus=500_000_000)
    container = live.create(f"{prefix}-a", image=plain, config=limited, labels={})
    with pytest.raises(EngineRefused, match="a memory and a CPU limit"):
        live.update_limits(container, limits(memory_bytes=0, nano_cpus=0))
    bare = live.create(f"{prefix}-b", image=plain, config=ContainerConfig(), labels={})
    sdk.update_container(bare, cpu_quota=50_000)
    assert shown(live, bare).config.nano_cpus == 500_000_000
    live.update_limits(bare, limits(nano_cpus=700_000_000))
    assert shown(live, bare).config.nano_cpus == 700_000_000
    other = live.create(f"{prefix}-c", image=plain, config=ContainerConfig(), labels={})
    sdk.update_container(other, cpu_quota=50_000)
    live.update_limits(other, limits(nano_cpus=0))
    assert shown(live, other).config.nano_cpus == 0
    with pytest.raises(NotFound):
        live.update_limits("f" * 64, limits(nano_cpus=1))


def test_a_thousand_quiet_passes_are_a_thousand_lists(
    engine: PrivateEngine, plain: ImageReference, prefix: str, tmp_path: Path
) -> None:
    with SocketProxy(engine.socket) as proxy:
        live = DockerEngine(proxy.url, clock=time.time)
        observer = Observer(live, StickerStore(live), full_every_s=3600, clock=time.monotonic)
        container = live.create(f"{prefix}-web", image=plain, config=ContainerConfig(), labels={})
        subject = Subject(
            name="web",
            container_names=(f"{prefix}-web",),
            images=(plain,),
            sticker=StickerPlace(path=str(tmp_path / "version.json")),
        )
        assert set(observer.observe([subject]).details) == {container}
        proxy.forget()
        for _ in range(1000):
            observer.observe([subject])
        assert proxy.mutating() == ()
        spoken = {request.path.split("/", 2)[2] for request in proxy.requests}
        assert spoken == {"containers/json?all=1"}
        assert len(proxy.requests) == 1000
        live.close()


def test_events_tell_what_happened_and_can_be_resumed(
    live: DockerEngine, plain: ImageReference, prefix: str
) -> None:
    live.create_network(f"{prefix}-a")
    seen: list[EngineEvent] = []
    stream = live.events(since_ns=None)
    reader = threading.Thread(target=lambda: seen.extend(stream))
    reader.start()
    container = live.create(f"{prefix}-web", image=plain, config=ContainerConfig(), labels={"team": "shop"})
    live.start(container)
    live.connect(container, NetworkAttachment(f"{prefix}-a"))
    live.stop(container, timeout_s=5)
    wait_for(lambda: {"create", "start", "network-connect", "die"} <= {event.action for event in seen})
    stream.close()
    reader.join(10)
    assert not reader.is_alive()
    ours = [event for event in seen if event.container_id == container]
    assert ours[0].action == "create"
    assert (ours[0].labels["team"], ours[0].container_name) == ("shop", f"{prefix}-web")
    start = next(event for event in ours if event.action == "start")
    again = live.events(since_ns=start.time_ns)
    later = next(event for event in again if event.container_id == container)
    again.close()
    assert later.time_ns > start.time_ns


def wait_for(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_a_killed_engine_ends_the_events_and_is_found_again(fresh_engine: PrivateEngine) -> None:
    live = DockerEngine(fresh_engine.url, clock=time.time)
    stream = live.events(since_ns=None)
    live.facts()
    fresh_engine.kill()
    assert list(stream) == []
    with pytest.raises(EngineUnavailable):
        live.list_containers()
    fresh_engine.start()
    assert live.list_containers() == ()
    live.close()


def test_a_sticker_in_a_volume_is_written_whole_and_leaves_no_helper(
    live: DockerEngine, plain: ImageReference, prefix: str, sdk: docker.APIClient
) -> None:
    volume = f"{prefix}-data"
    before = {row.id for row in live.list_containers()}
    for content in (b"one", b"the second", b"3"):
        live.write_volume(volume, "a/version.json", content, helper=str(plain))
        assert live.read_volume(volume, "/a/version.json", helper=str(plain), limit=100) == content
    assert {row.id for row in live.list_containers()} == before
    folder = Path(sdk.inspect_volume(volume)["Mountpoint"]) / "a"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".version.json.0",
        ".version.json.1",
        "version.json",
    ]


def test_readers_of_a_volume_see_the_old_file_none_or_the_new_one_whole(
    live: DockerEngine, plain: ImageReference, prefix: str, sdk: docker.APIClient
) -> None:
    volume = f"{prefix}-data"
    contents = [str(number).encode() * 200_000 for number in range(6)]
    live.write_volume(volume, "version.json", contents[0], helper=str(plain))
    path = Path(sdk.inspect_volume(volume)["Mountpoint"]) / "version.json"
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(path.read_bytes())
            except FileNotFoundError:
                seen.add(b"")

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents[1:]:
        live.write_volume(volume, "version.json", content, helper=str(plain))
    done.set()
    reader.join()
    assert seen <= {b"", *contents}
    assert len(seen) > 1


def test_a_helper_that_a_killed_process_left_behind_is_removed(
    live: DockerEngine, plain: ImageReference, prefix: str, sdk: docker.APIClient
) -> None:
    volume = f"{prefix}-data"
    live.write_volume(volume, "version.json", b"1", helper=str(plain))
    name = next(event["Actor"]["Attributes"]["name"] for event in helper_events(sdk))
    sdk.create_container(str(plain), name=name, labels={HELPER_LABEL: "1"})
    assert live.read_volume(volume, "version.json", helper=str(plain), limit=9) == b"1"
    assert name not in {row.name for row in live.list_containers()}
    sdk.create_container(str(plain), name=name)
    with pytest.raises(ReconcilerError):
        live.read_volume(volume, "version.json", helper=str(plain), limit=9)
    assert name in {row.name for row in live.list_containers()}, "it is not ours"
    sdk.remove_container(name)


def helper_events(sdk: docker.APIClient) -> list[dict[str, Any]]:
    now = int(time.time()) + 1
    label = f"{HELPER_LABEL}=1"
    filters = {"label": label, "event": "create"}
    return list(sdk.events(since=now - 60, until=now, filters=filters, decode=True))[::-1]


def test_a_link_in_a_volume_that_is_not_ours_is_not_followed(
    live: DockerEngine, plain: ImageReference, prefix: str, sdk: docker.APIClient
) -> None:
    volume = f"{prefix}-data"
    sdk.create_volume(volume)
    folder = Path(sdk.inspect_volume(volume)["Mountpoint"])
    (folder / "version.json").symlink_to("/etc/passwd")
    with pytest.raises(EngineRefused, match="not ours"):
        live.read_volume(volume, "version.json", helper=str(plain), limit=10_000)
    live.write_volume(volume, "version.json", b"good", helper=str(plain))
    assert live.read_volume(volume, "version.json", helper=str(plain), limit=10) == b"good"


def test_eight_threads_write_into_one_volume_in_turns(
    live: DockerEngine, plain: ImageReference, prefix: str
) -> None:
    def write(number: int) -> None:
        live.write_volume(f"{prefix}-data", f"{number}.json", str(number).encode(), helper=str(plain))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    found = [live.read_volume(f"{prefix}-data", f"{n}.json", helper=str(plain), limit=9) for n in range(8)]
    assert found == [str(number).encode() for number in range(8)]


def test_logs_of_a_terminal_and_of_no_driver_are_read_too(
    live: DockerEngine, plain: ImageReference, prefix: str, engine_url: str
) -> None:
    for name, options in (("tty", ["--tty"]), ("mute", ["--log-driver=none"])):
        command = ["docker", "--host", engine_url, "run", "--name", f"{prefix}-{name}", *options, str(plain)]
        subprocess.run([*command, "/bin/echo", "hello"], check=True, capture_output=True, timeout=60)
    rows = {row.name.removeprefix(f"{prefix}-"): row.id for row in live.list_containers()}
    assert live.logs(rows["tty"], lines=5) == ("hello",)
    assert live.logs(rows["mute"], lines=5) == ()
