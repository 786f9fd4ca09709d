"""What the engine's events say about containers."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.events import engine_event


def event(kind: str, action: str, **attributes: str) -> dict[str, Any]:
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": "c1", "Attributes": attributes},
        "timeNano": 1_700_000_000_000_000_001,
    }


def test_a_containers_event_has_its_labels_and_name() -> None:
    found = engine_event(event("container", "die", name="web", image="x", exitCode="1", team="shop"))
    assert found is not None
    assert (found.container_id, found.container_name, found.action) == ("c1", "web", "die")
    assert (found.labels, found.time_ns) == ({"team": "shop"}, 1_700_000_000_000_000_001)


def test_a_networks_event_names_the_container_that_joined() -> None:
    found = engine_event(event("network", "disconnect", container="c9", name="front"))
    assert found is not None
    assert (found.container_id, found.action) == ("c9", "network-disconnect")


@pytest.mark.parametrize(
    "message",
    [
        event("container", "exec_start: /bin/true"),
        event("container", "attach"),
        event("network", "create", name="front"),
        event("network", "connect", name="front"),
        event("image", "pull"),
        {},
    ],
)
def test_what_changes_no_container_is_passed_over(message: dict[str, Any]) -> None:
    assert engine_event(message) is None


def test_a_change_of_health_is_an_event() -> None:
    found = engine_event(event("container", "health_status: healthy", name="web"))
    assert found is not None
    assert found.action == "health_status: healthy"
