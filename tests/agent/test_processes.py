"""Ending what a mark in the environment names, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.agent.processes import Processes
from tests.parts.host import wait_until


@contextmanager
def begun(mark: str, script: str) -> Iterator[subprocess.Popen[bytes]]:
    name, _, value = mark.partition("=")
    environment = {**os.environ, name: value}
    with subprocess.Popen(["/bin/sh", "-c", script], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def test_all_that_was_begun_is_ended_also_what_has_cleared_its_environment() -> None:
    mark = f"STELLA_TEST={uuid.uuid4().hex}"
    processes = Processes()
    with begun(mark, "sleep 1000 & env -i /bin/sleep 1000 & (setsid sleep 1000 &) ; sleep 1000") as process:
        assert wait_until(lambda: len(processes.marked(mark)) == 5, seconds=10)
        assert processes.end(mark, within_s=10)
        assert process.wait(10) == -9
        assert processes.marked(mark) == frozenset()


def test_others_are_left_alone() -> None:
    mark, other = (f"STELLA_TEST={uuid.uuid4().hex}" for _ in range(2))
    processes = Processes()
    with begun(mark, "sleep 1000; true"), begun(f"{other}/x", "sleep 1000; true") as process:
        assert wait_until(lambda: bool(processes.marked(mark) and processes.marked(f"{other}/x")), seconds=10)
        assert processes.end(other, within_s=1)
        assert processes.end(mark, within_s=10)
        assert process.poll() is None
        assert processes.marks(f"{other}/") == {f"{other}/x"}


def test_a_container_is_seen_only_where_its_processes_are() -> None:
    processes = Processes()
    assert not processes.sees(0, "0" * 64)
    assert not processes.sees(os.getpid(), "0" * 64)
    assert not processes.sees(2**22 + 1, "")


def test_a_container_is_not_seen_by_who_may_not_look_into_its_processes() -> None:
    """As a service without the capability: a command could be begun there, and not be ended."""
    script = (
        "import os, sys; from reconciler.agent.processes import Processes\n"
        "if os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
        "sys.exit(Processes().sees(1, ''))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0
    assert Processes().sees(os.getpid(), "")
