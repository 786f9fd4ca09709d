from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from reconciler.controller.fail_points import VARIABLE, FailPoints, fail_points
from reconciler.core.action import ContainerRef, CreateNetwork, StartContainer
from reconciler.errors import InvalidSettings

NETWORK = CreateNetwork(document="web", cause="test", network="front")
START = StartContainer(document="web", cause="test", container=ContainerRef("web"))


def deaths(text: str) -> list[str]:
    """At which boundaries of network, start, network a controller with this fail point would die."""
    seen: list[str] = []
    points = fail_points({VARIABLE: text} if text else {})
    for action in (NETWORK, START, NETWORK):
        number = points.next_number()
        for edge in ("before", "after"):
            here = FailPoints(points.point, partial(seen.append, f"{edge} {number}"))
            here.reach(edge, action, number)
    return seen


@pytest.mark.parametrize(
    ("text", "boundaries"),
    [
        ("", []),
        ("before:1", ["before 1"]),
        ("after:3", ["after 3"]),
        ("before:4", []),
        ("before:start-container", ["before 2"]),
        ("after:create-network", ["after 1", "after 3"]),
        ("after:commit", []),
    ],
)
def test_the_point_lies_where_the_environment_says(text: str, boundaries: list[str]) -> None:
    assert deaths(text) == boundaries


@pytest.mark.parametrize(
    "text", ["before", "before:", "before:0", "during:1", "before:-1", "after:fly", ":1", "before:²"]
)
def test_what_cannot_be_read_is_an_error_that_says_what_can(text: str) -> None:
    with pytest.raises(InvalidSettings, match="before:N or after:N") as caught:
        fail_points({VARIABLE: text})
    assert "start-container" in caught.value.hint


def test_without_the_variable_nothing_happens() -> None:
    points = fail_points({})
    points.reach("before", START, points.next_number())
    assert points.point is None
    assert points.next_number() == 2


def test_nothing_but_sigkill_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    fail_points({VARIABLE: "after:1"}).reach("after", START, 1)
    assert sent == [(os.getpid(), signal.SIGKILL)]


def test_the_process_dies_of_sigkill() -> None:
    program = (
        "from reconciler.controller.fail_points import fail_points\n"
        "from tests.controller.test_fail_points import START\n"
        "import os\n"
        "points = fail_points(os.environ)\n"
        "points.reach('before', START, points.next_number())\n"
        "print('alive')\n"
    )
    environment = {**os.environ, VARIABLE: "before:1"}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")
