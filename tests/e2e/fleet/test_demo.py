"""``make demo-fleet`` holds, and leaves nothing on the machine."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.host import program, run, wait_until
from tests.parts.warm import ROOT

DEMO = (sys.executable, "-m", "tools.demo.fleet")


def left() -> set[str]:
    """Network namespaces, bridges and folders of private parts on this machine."""
    ip = program("ip", package="iproute2")
    spaces = {line.split()[0] for line in run(ip, "netns", "list").splitlines()}
    cables = set(re.findall(r"^v[0-9a-f]{8}@\S+", run(ip, "-brief", "link", "show"), re.MULTILINE))
    return spaces | cables | {str(path) for path in Path("/tmp").glob("reconciler-demo-fleet-*")}


@pytest.mark.thorough
@pytest.mark.timeout(400)
def test_all_of_the_fleets_demo_holds_and_nothing_is_left() -> None:
    before = left()
    done = subprocess.run(DEMO, cwd=ROOT, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it held" in done.stdout
    assert "FAILED" not in done.stdout
    assert left() - before == set()


@pytest.mark.thorough
@pytest.mark.timeout(200)
def test_a_demo_that_is_interrupted_takes_everything_away() -> None:
    before = left()
    with subprocess.Popen(DEMO, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "enrolled as host-a" in line:
                break
        demo.send_signal(signal.SIGINT)
        told = demo.stdout.read()
        assert demo.wait(120) == 130
    assert "everything was taken away" in told
    assert wait_until(lambda: left() - before == set(), seconds=10), left() - before
