"""The private engine: alone, killed, orphaned, removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import docker
import pytest

from tests.parts import host
from tests.parts.engine import HostEngine, PrivateEngine, answers, find_engine
from tests.parts.host import PartFailed
from tests.parts.standard_images import WEB_PORT, StandardImages

# Starts an engine and a registry, says where, and is killed before it can remove them.
_DIE = """
import os, signal
from tests.parts.engine import PrivateEngine
from tests.parts.registry import PrivateRegistry
with PrivateEngine() as engine, PrivateRegistry() as registry:
    print(engine.folder, registry.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_web(sdk: docker.APIClient, images: StandardImages, name: str) -> int:
    """Run ``web:v1`` with a published port; returns the host port."""
    sdk.pull(images.web_v1.reference)
    settings = sdk.create_host_config(port_bindings={WEB_PORT: ("127.0.0.1", None)})
    made = sdk.create_container(images.web_v1.reference, name=name, ports=[WEB_PORT], host_config=settings)
    sdk.start(made["Id"])
    return int(sdk.inspect_container(made["Id"])["NetworkSettings"]["Ports"][f"{WEB_PORT}/tcp"][0]["HostPort"])


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return str(answer.read().decode())


def test_a_published_port_answers_on_loopback(sdk: docker.APIClient, images: StandardImages, prefix: str) -> None:
    port = run_web(sdk, images, f"{prefix}-web")
    assert host.wait_until(lambda: _answers_http(port), seconds=5)
    assert page(port) == "web v1\n"


def test_containers_on_a_network_of_their_own_find_each_other(
    sdk: docker.APIClient, images: StandardImages, prefix: str
) -> None:
    sdk.pull(images.web_v1.reference)
    sdk.create_network(f"{prefix}-net", check_duplicate=True)
    settings = sdk.create_host_config(network_mode=f"{prefix}-net")
    web = sdk.create_container(images.web_v1.reference, name=f"{prefix}-web", host_config=settings)
    sdk.start(web["Id"])
    fetch = ["sh", "-c", f"until wget -q -O - http://{prefix}-web:{WEB_PORT}/; do sleep 0.1; done"]
    asker = sdk.create_container(images.web_v1.reference, fetch, name=f"{prefix}-ask", host_config=settings)
    sdk.start(asker["Id"])
    assert sdk.wait(asker["Id"], timeout=20)["StatusCode"] == 0
    assert sdk.logs(asker["Id"]).endswith(b"web v1\n")


def test_two_engines_live_side_by_side(engine: PrivateEngine, fresh_engine: PrivateEngine) -> None:
    assert engine.bridge != fresh_engine.bridge
    assert answers(engine.socket)
    assert answers(fresh_engine.socket)


def test_a_killed_engine_starts_again_and_knows_its_containers(
    fresh_engine: PrivateEngine, images: StandardImages
) -> None:
    with _client(fresh_engine) as sdk:
        run_web(sdk, images, "web")
    before = fresh_engine.pid
    fresh_engine.kill()
    assert not answers(fresh_engine.socket)
    fresh_engine.start()
    assert fresh_engine.pid != before
    with _client(fresh_engine) as sdk:
        assert [row["Names"] for row in sdk.containers(all=True)] == [["/web"]]


def test_containers_live_through_a_crash_with_live_restore(images: StandardImages) -> None:
    with PrivateEngine(arguments=["--live-restore"]) as engine, _client(engine) as sdk:
        run_web(sdk, images, "web")
        started = sdk.inspect_container("web")["State"]["StartedAt"]
        engine.kill()
        engine.start()
        state = sdk.inspect_container("web")["State"]
        assert (state["Running"], state["StartedAt"]) == (True, started)


def test_removal_leaves_no_process_mount_bridge_or_file(images: StandardImages) -> None:
    with PrivateEngine() as engine, _client(engine) as sdk:
        sdk.create_network("extra")
        run_web(sdk, images, "web")
        container = sdk.inspect_container("web")["Id"]
        folder, bridge = engine.folder, engine.bridge.name
        interface = Path(f"/sys/class/net/{bridge}/ifindex")
        number = interface.read_text()
        engine.kill()
        assert list(host.processes_with(container)), "containers outlive a crash of the engine"
    assert list(host.processes_with(container)) == []
    assert not folder.exists()
    taken_again = interface.exists()  # by an engine that another process has started since
    assert not taken_again or interface.read_text() != number
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    assert list(host.processes_with(f"{folder}/")) == []
    own_subnet = "198.19." + bridge.removeprefix("recon") + "."
    assert taken_again or own_subnet not in host.run("/usr/sbin/ip", "address", "show")


def test_what_a_killed_owner_left_is_swept_away_by_the_next(engine: PrivateEngine) -> None:
    engine_left, registry_left = _die_elsewhere()
    assert answers(engine_left / "docker.sock")
    assert list(host.processes_with(f"{registry_left}/"))
    with PrivateEngine():
        assert not engine_left.exists()
        assert not registry_left.exists()
    assert list(host.processes_with(f"{engine_left}/", f"{registry_left}/")) == []
    assert answers(engine.socket), "engines with a living owner are left alone"


def test_an_engine_that_cannot_start_tells_the_end_of_its_log() -> None:
    engine = PrivateEngine(arguments=["--storage-driver=nonsense"])
    with pytest.raises(PartFailed, match="nonsense"), engine:
        pytest.fail("it came up")
    assert not engine.folder.exists()


def test_find_engine_takes_the_one_that_answers(engine: PrivateEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    with find_engine() as found:
        assert isinstance(found, HostEngine)
        assert found.url == engine.url
    assert answers(engine.socket), "it is left running"


@pytest.mark.parametrize("address", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"])
def test_find_engine_starts_a_private_one_where_none_answers(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with find_engine() as found:
        assert found.private
        assert answers(found.socket)
    assert not answers(found.socket)


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(PartFailed, match="apt-get install some-package"):
        host.program("no-such-program", package="some-package")


def test_a_daemon_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    process = host.start_daemon([sys.executable, "-c", deaf], log=tmp_path / "log", cwd=tmp_path)
    assert host.wait_until(lambda: "deaf" in host.tail(tmp_path / "log"), seconds=10)
    host.end(process, signal.SIGTERM, seconds=0.2)
    assert process.returncode == -signal.SIGKILL


def _client(engine: PrivateEngine) -> docker.APIClient:
    return docker.APIClient(base_url=engine.url, version="auto", timeout=30)


def _answers_http(port: int) -> bool:
    try:
        return bool(page(port))
    except OSError:
        return False


def _die_elsewhere() -> tuple[Path, Path]:
    """Folders of an engine and a registry whose owner was killed."""
    done = subprocess.run(
        [sys.executable, "-c", _DIE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout, done.stderr
    engine, registry = done.stdout.split()
    return Path(engine), Path(registry)
