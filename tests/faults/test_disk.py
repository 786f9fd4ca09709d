"""No room, no inodes, no descriptors, no processes for the controller: what runs goes on, nothing is half done.

What cannot be written down is not done; what was not done is done as soon as it can be, without anybody's help.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.control_group import ProcessLimit
from tests.parts.small_disk import SmallDisk, small_disk
from tests.parts.socket_proxy import SocketProxy

SIZE = "2m"
INODES = 64
STARVED_S = 3.0
"""Nothing tells when it has tried: long enough for several looks."""

OFTEN = {"RECONCILER_RESYNC": "1"}
HARM: dict[str, Callable[[SmallDisk], None]] = {
    "full": SmallDisk.fill,
    "read-only": lambda disk: disk.remount("ro"),
    "without inodes": SmallDisk.take_inodes,
}
FULL = pytest.param("full", marks=pytest.mark.fault("D3"))
READ_ONLY = pytest.param("read-only", marks=pytest.mark.fault("D4"))
WITHOUT_INODES = pytest.param("without inodes", marks=pytest.mark.fault("D6"))


@pytest.fixture
def disk(stage: Stage) -> Iterator[SmallDisk]:
    """The state directory is a disk of its own; v1 runs."""
    stage.deploy_here("v1")
    with small_disk(stage.state, size=SIZE, inodes=INODES) as mounted:
        yield mounted


def mended(disk: SmallDisk) -> None:
    """Writable, with room."""
    disk.remount("rw")
    disk.free()


@pytest.mark.parametrize("harm", [FULL, READ_ONLY, WITHOUT_INODES])
def test_where_nothing_can_be_written_down_apply_does_nothing_and_says_so(
    harm: str, stage: Stage, oracle: Oracle, disk: SmallDisk, proxy: SocketProxy
) -> None:
    identity = stage.identity()
    stage.write(stage.web("v2"))
    HARM[harm](disk)
    proxy.forget()
    refused = stage.reconciler("apply", engine=proxy.url)
    assert refused.returncode == 1
    assert proxy.mutating() == ()
    assert str(stage.state) in refused.stderr
    assert "hint: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert stage.identity() == identity
    mended(disk)
    stage.apply()
    oracle.holds("v2")


@pytest.mark.every_run("full")
@pytest.mark.parametrize("harm", [FULL, WITHOUT_INODES])
def test_where_nothing_can_be_written_down_the_controller_waits_and_goes_on_by_itself(
    harm: str, stage: Stage, oracle: Oracle, disk: SmallDisk, proxy: SocketProxy
) -> None:
    """Not ready, with the reason; the old release serves; what was asked for is done once there is room."""
    with stage.controller(RECONCILER_ENGINE=proxy.url, **OFTEN) as controller, stage.users() as users:
        controller.settles(stage.name)
        eventually("somebody has asked", lambda: users.answers)
        HARM[harm](disk)
        proxy.forget()
        stage.write(stage.web("v2"))
        eventually("it is not ready", lambda: not controller.page("readyz"))
        eventually("the metrics say why", lambda: controller.metric("reconciler_state_writable") == 0)
        assert controller.page("healthz")
        assert proxy.mutating() == ()
        assert (users.answers, users.failed) == ({"web v1"}, [])
        mended(disk)
        began = time.monotonic()
        eventually("the release is deployed", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        stage.showed("converged_s", time.monotonic() - began)
        eventually("it is ready again", controller.ready)
        assert controller.metric("reconciler_state_writable") == 1
    oracle.holds("v2")


@pytest.mark.fault("D4")
def test_a_controller_on_a_read_only_disk_does_not_begin_and_says_why(
    stage: Stage, oracle: Oracle, disk: SmallDisk
) -> None:
    """A disk cannot be made read-only under a file that is open; a restart is what finds it so."""
    identity = stage.identity()
    disk.remount("ro")
    ended = stage.reconciler("run")
    assert ended.returncode == 1
    assert "Read-only file system" in ended.stderr
    assert "hint: " in ended.stderr
    assert stage.identity() == identity
    mended(disk)
    with stage.controller() as controller:
        controller.settles(stage.name)
    oracle.holds("v1")


@contextlib.contextmanager
def no_descriptors(process: int) -> Iterator[None]:
    """No file or connection can be opened; those that are open stay."""
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (0, before[1]))
    yield
    resource.prlimit(process, resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def no_processes(process: int) -> Iterator[None]:
    """Neither process nor thread can be begun."""
    with ProcessLimit() as group:
        group.hold(process)
        yield
        group.release(process)


@pytest.mark.parametrize(
    "starved",
    [
        pytest.param(no_descriptors, marks=pytest.mark.fault("D7")),
        pytest.param(no_processes, marks=pytest.mark.fault("D8")),
    ],
)
def test_a_controller_that_is_given_nothing_more_leaves_what_runs_and_goes_on_when_it_is(
    starved: Callable[[int], contextlib.AbstractContextManager[None]], stage: Stage, oracle: Oracle
) -> None:
    """It neither ends nor loses an old release before the new one serves, however far it gets."""
    stage.deploy_here("v1")
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        with starved(controller.process.pid), stage.users() as users:
            stage.write(stage.web("v2"))
            time.sleep(STARVED_S)
        assert controller.process.poll() is None
        assert users.answers <= {"web v1", "web v2"}
        assert users.longest_outage_s < STARVED_S
        began = time.monotonic()
        eventually("the release is deployed", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        stage.showed("converged_s", time.monotonic() - began)
    oracle.holds("v2")
