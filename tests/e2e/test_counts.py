"""Counted at the engine's socket: looking changes nothing, and what is idle asks for nearly nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.config import load_settings
from reconciler.controller.app import Parts, open_parts
from reconciler.controller.app.actors import file_actor
from reconciler.controller.readings import Readings
from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.socket_proxy import SocketProxy

IDLE_PASSES = 1000
MOST_ACTIONS = 16
"""Of the deploy of one container; each costs the disk two small writes."""


@contextmanager
def parts(stage: Stage, proxy: SocketProxy) -> Iterator[Parts]:
    """The controller's parts on the recorded way to the engine, as one process keeps them."""
    environment = stage.environment(proxy.url)
    settings = load_settings({}, environment=environment, folder=stage.folder, file=None, root=True)
    with open_parts(settings, exclusive=True, actor=file_actor) as opened:
        yield opened


def test_a_plan_makes_no_mutating_call(stage: Stage, oracle: Oracle, proxy: SocketProxy) -> None:
    for prepare in (lambda: None, stage.apply, lambda: stage.docker("rm", "-f", stage.name)):
        stage.write(stage.web("v1"))
        prepare()
        proxy.forget()
        done = stage.reconciler("plan", engine=proxy.url)
        assert done.returncode in {0, 2}
        assert proxy.requests
        assert proxy.mutating() == ()
    stage.apply()
    oracle.holds("v1")


@pytest.mark.parametrize("words", [("status",), ("why", "NAME"), ("history", "NAME"), ("prune",), ("doctor",)])
def test_looking_makes_no_mutating_call(words: tuple[str, ...], stage: Stage, proxy: SocketProxy) -> None:
    stage.deploy_here("v1")
    proxy.forget()
    done = stage.reconciler(*(word.replace("NAME", stage.name) for word in words), engine=proxy.url)
    assert done.returncode in {0, 2}, done.stderr
    assert proxy.mutating() == ()


def test_idle_passes_cost_one_call_each_and_write_nothing(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    stage.deploy_here("v1")
    with parts(stage, proxy) as opened:
        one_pass = opened.reconciler(
            sleep=_never, linger=_never, stopping=lambda: False, readings=Readings(meters=opened.meters)
        ).one_pass
        one_pass(stage.name, progress=_unheard)
        before, changes = _written(stage), opened.history.changes
        proxy.forget()
        for _ in range(IDLE_PASSES):
            done = one_pass(stage.name, progress=_unheard)
            assert done.verdict.kind == "converged"
        assert len(proxy.requests) == IDLE_PASSES
        assert {(item.method, item.path.partition("?")[0].split("/", 2)[2]) for item in proxy.requests} == {
            ("GET", "containers/json")
        }
        assert (_written(stage), opened.history.changes) == (before, changes)
    oracle.holds("v1")


def test_a_deploy_costs_two_lines_of_the_audit_log_for_each_action(stage: Stage, oracle: Oracle) -> None:
    """And one checkpoint in its first lines; looking costs none."""
    stage.deploy_here("v1")
    before = _lines(stage)
    stage.write(stage.web("v2"))
    done = stage.apply("--json")
    (document,) = json.loads(done.stdout)["documents"]
    assert _lines(stage) - before == 2 * len(document["actions"])
    assert len(document["actions"]) <= MOST_ACTIONS
    before = _lines(stage)
    for words in (("status",), ("plan",), ("why", stage.name), ("audit", "show"), ("audit", "verify"), ("apply",)):
        assert stage.reconciler(*words).returncode == 0
    assert _lines(stage) == before
    oracle.holds("v2")


def test_a_look_at_everything_costs_one_call_for_any_number_of_documents(stage: Stage, proxy: SocketProxy) -> None:
    stage.deploy_here("v1")
    job = {"config": {"restartPolicy": "no"}, "sticker": {"path": str(stage.sticker("job"))}}
    stage.write(document(f"{stage.prefix}-job", stage.images.job, "j1", **job), file="job.yaml")
    stage.apply()
    with parts(stage, proxy) as opened:
        opened.assessor.assess()
        proxy.forget()
        found = opened.assessor.assess()
        assert [item.plan.changes for item in found] == [False, False]
        assert len(proxy.requests) == 1


def test_a_restarted_controller_changes_nothing(stage: Stage, oracle: Oracle, proxy: SocketProxy) -> None:
    stage.deploy_here("v1")
    identity, sticker = stage.identity(), _identity(stage.sticker())
    proxy.forget()
    for _ in range(2):
        _look_around(stage, proxy)
    assert proxy.mutating() == ()
    assert (stage.identity(), _identity(stage.sticker())) == (identity, sticker)
    assert len(stage.history()["generations"]) == 1
    oracle.holds("v1")


def _look_around(stage: Stage, proxy: SocketProxy) -> None:
    """Run the controller until it has looked at the host again after it found all well."""
    with stage.controller(RECONCILER_ENGINE=proxy.url, RECONCILER_RESYNC="1") as controller:
        eventually("it has looked", lambda: controller.phase(stage.name) == "Converged")
        before = len(proxy.requests)
        eventually("it looks again", lambda: len(proxy.requests) > before + 2)


def _written(stage: Stage) -> dict[str, tuple[int, int, int]]:
    """What identifies every file that passes could write, and its last write."""
    files = [stage.sticker(), *stage.state.glob("history.db*"), *stage.state.glob("audit*/*")]
    return {path.name: _identity(path) for path in files}


def _lines(stage: Stage) -> int:
    """Of the audit log."""
    return sum(path.read_bytes().count(b"\n") for path in (stage.state / "audit").iterdir())


def _identity(path: Path) -> tuple[int, int, int]:
    facts = path.stat()
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _never(seconds: float) -> None:
    raise AssertionError(f"an idle pass sleeps {seconds} s")


def _unheard(_line: str) -> None:
    """Nobody listens."""


def _counted(proxy: SocketProxy) -> tuple[int, int]:
    """Changing and reading requests since the last ``forget``, without the stream of events."""
    asked = [item for item in proxy.requests if "/events" not in item.path]
    return len(proxy.mutating()), len(asked) - len(proxy.mutating())


@pytest.fixture
def one_pass(stage: Stage, proxy: SocketProxy) -> Iterator[Callable[[], str]]:
    """Makes a pass over the stage's document in this process, with its images on the host; its verdict."""
    for image in (stage.images.web_v1, stage.images.web_v2):
        stage.sdk.pull(image.reference)
    with parts(stage, proxy) as opened:
        reconciler = opened.reconciler(
            sleep=time.sleep, linger=time.sleep, stopping=lambda: False, readings=Readings(meters=opened.meters)
        )

        def work() -> str:
            opened.assessor.catalogue.reload()
            proxy.forget()
            return reconciler.one_pass(stage.name, progress=_unheard).verdict.kind

        yield work


# These numbers are what our work costs an engine, on every machine alike. Fewer are welcome; more need a reason.
QUICK = {"config": {"healthCheck": {"test": ["NONE"]}}, "strategy": {"minHealthy": "0s"}}


def test_deploys_ask_the_engine_so_often(stage: Stage, proxy: SocketProxy, one_pass: Callable[[], str]) -> None:
    stage.write(stage.web("v1", **QUICK))
    assert one_pass() == "converged"
    assert _counted(proxy) == (3, 15), "a first deploy by a process that has just begun"
    stage.write(stage.web("v2", **QUICK))
    assert one_pass() == "converged"
    assert _counted(proxy) == (7, 19), "a replacement"


def test_heals_ask_the_engine_so_often(stage: Stage, proxy: SocketProxy, one_pass: Callable[[], str]) -> None:
    stage.write(stage.web("v1", **QUICK))
    assert one_pass() == "converged"
    stage.docker("kill", stage.name)
    assert one_pass() == "converged"
    assert _counted(proxy) == (1, 8), "started again"
    stage.docker("rm", "-f", stage.name)
    assert one_pass() == "converged"
    assert _counted(proxy) == (3, 12), "made anew"


MODULES = {"--help": 145, "validate": 340, "status": 560}
"""How many modules a command loads at most: what it takes to start, on every machine alike. ``status`` also loads
the audit log and what an orchestrator has assigned.
"""


@pytest.mark.parametrize("command", MODULES)
def test_a_command_loads_no_more_modules_than_it_needs(command: str, stage: Stage) -> None:
    stage.deploy_here("v1")
    code = (
        "import sys; from reconciler.__main__ import main; main(sys.argv[1:]); "
        "print(len(sys.modules), *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        env=stage.environment(),
        cwd=stage.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    count, *packages = done.stderr.splitlines()[-1].split()
    assert int(count) <= MODULES[command], (count, packages)
    assert not {"docker", "requests", "aiohttp", "structlog", "deepdiff", "cryptography"}.intersection(packages)
