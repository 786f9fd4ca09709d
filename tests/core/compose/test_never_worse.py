"""Killed anywhere, a project ends with the new release whole or the old one whole; never with less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.container import PortBinding
from reconciler.core.desired import DesiredState
from reconciler.core.project import MountedFile, Need, artifact
from tests.core.compose.host import DOCUMENT, Dies, Host, document, service

CONF = MountedFile(artifact="nginx.conf", target="/etc/nginx.conf", key="conf")


def release(number: str, web: str = "web", **fields: Any) -> DesiredState:
    return document(
        number,
        service("db"),
        service("job", completes=True, needs=(Need("db", "healthy"),)),
        service("web", web, replicas=2, needs=(Need("job", "completed"), Need("db")), files=(CONF,)),
        files=(artifact("nginx.conf", number.encode()),),
        **fields,
    )


def deployed(first: DesiredState | None = None) -> Host:
    host = Host(behaviours={"job": "done", "bad": "exits"})
    host.settle(first or release("1"))
    return host


def wants(host: Host, desired: DesiredState) -> Host:
    host.wanted = desired
    return host


def first_deploy() -> Host:
    return wants(Host(behaviours={"job": "done"}), release("1"))


def first_deploy_that_fails() -> Host:
    return wants(Host(behaviours={"job": "done", "bad": "exits"}), release("1", "bad"))


def upgrade() -> Host:
    return wants(deployed(), release("2", "new"))


def failing_upgrade() -> Host:
    return wants(deployed(), release("2", "bad"))


def renamed() -> Host:
    return wants(deployed(), release("2", project_name="store"))


def in_another_directory() -> Host:
    return wants(deployed(), release("2", directory="/srv/store"))


def elsewhere_and_failing() -> Host:
    return wants(deployed(), release("2", "bad", directory="/srv/store"))


def renamed_and_failing() -> Host:
    return wants(deployed(), release("2", "bad", project_name="store"))


def renamed_with_a_port() -> Host:
    port = {"ports": (PortBinding(80, host_port=8080),)}
    host = Host()
    host.settle(document("1", service("web", config=port)))
    return wants(host, document("2", service("web", config=port), project_name="store", directory="/srv/store"))


def damaged() -> Host:
    host = deployed()
    host.boxes.remove(host.box("shop-web-2"))
    host.box("shop-db-1").status = "exited"
    box = host.box("shop-web-1")
    box.config = replace(box.config, environment={"HAND": "made"})
    return host


def touched() -> Host:
    host = deployed()
    path = next(path for path in host.files["/srv/shop"] if path.startswith("files/"))
    host.files["/srv/shop"][path] = "0" * 64
    return host


def forced() -> Host:
    return wants(deployed(), release("2", force_recreate=True))


STORIES = [
    first_deploy,
    first_deploy_that_fails,
    upgrade,
    failing_upgrade,
    renamed,
    in_another_directory,
    elsewhere_and_failing,
    renamed_and_failing,
    renamed_with_a_port,
    damaged,
    touched,
    forced,
]


def killed(host: Host, number: int, edge: str) -> bool:
    """Settle, but die before or after the n-th Action of all passes."""
    seen = 0

    def hook(at: str, _number: int) -> None:
        nonlocal seen
        seen += at == "before"
        if at == edge and seen == number:
            raise Dies(at)

    for _ in range(9):
        try:
            if not host.one_pass(hook).actions:
                return False
        except Dies:
            return True
    raise AssertionError("not settled")


def check(host: Host, told: str) -> None:
    """What the document wants runs, whole, or else what was committed; nothing else of ours is there."""
    last = host.settle()
    assert not last.actions, told
    record = host.journal.record(DOCUMENT)
    assert record.open is None, told
    wanted = host.wanted
    assert wanted is not None
    serving = record.committed_revision.desired if record.committed_revision else None
    if wanted.fingerprint not in record.quarantined:
        assert serving is not None, told
        assert serving.fingerprint == wanted.fingerprint, told
        assert last.drift == (), told
    names = sorted(serving.container_names) if serving else []
    assert sorted(box.name for box in host.boxes) == names, told
    if serving is None or serving.project is None:
        return
    for box in host.boxes:
        item = serving.project.service(box.service)
        assert item is not None
        assert box.image == item.image, told
        assert box.status == ("exited" if item.completes else "running"), told
    assert host.active[serving.project.directory] == serving.fingerprint, told
    assert host.sticker == serving.fingerprint, told


@pytest.mark.parametrize("edge", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_action_is_healed_by_the_next_passes(story: Callable[[], Host], edge: str) -> None:
    for number in range(1, 99):
        host = story()
        died = killed(host, number, edge)
        check(host, f"killed {edge} action {number}")
        if not died:
            assert number > 5
            return
    pytest.fail("the story has no end")


@pytest.mark.no_cover
@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_step_of_compose_is_healed_by_the_next_passes(story: Callable[[], Host]) -> None:
    for step in range(99):
        host = story()
        host.die_in_up = step
        died = killed(host, 0, "")
        check(host, f"killed in step {step} of compose up")
        if not died:
            return
    pytest.fail("the story has no end")


@pytest.mark.no_cover
@settings(max_examples=80, deadline=None)
@given(
    story=st.sampled_from(STORIES),
    kills=st.lists(st.tuples(st.integers(1, 25), st.integers(0, 12), st.booleans()), min_size=2, max_size=4),
)
def test_kills_during_recovery_from_kills_are_healed_too(
    story: Callable[[], Host], kills: list[tuple[int, int, bool]]
) -> None:
    host = story()
    for number, step, in_compose in kills:
        host.die_in_up = step if in_compose else None
        killed(host, 0 if in_compose else number, "before")
    host.die_in_up = None
    check(host, f"killed at {kills}")
