"""When ``doctor`` says that a host may make replacements wait for an address, and when it says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from reconciler.cli.doctor_bridges import bridge_findings
from reconciler.core.container import PortBinding
from reconciler.core.desired import DesiredState, Strategy
from tests.cli.parts import desired

LATE = {"docker0": 1000}
Order = Literal["stop-first", "start-first"]


def ported(order: Order = "stop-first") -> DesiredState:
    made = desired("r1", strategy=Strategy(order=order))
    return replace(made, config=replace(made.config, ports=(PortBinding(8080, host_port=80),)))


def test_who_publishes_a_port_is_told_how_to_wait_less() -> None:
    (told,) = bridge_findings(LATE, documents=[ported()], engine="20.10.24+dfsg1")
    assert told.level == "warning"
    assert "docker0 again after 1000 ms" in told.detail
    assert told.fix.startswith("sysctl -w net.ipv4.neigh.docker0.retrans_time_ms=50")


def test_many_bridges_are_one_finding() -> None:
    many = {f"br-{number}": 1000 for number in range(5)} | {"docker0": 50}
    (told,) = bridge_findings(many, documents=[ported()], engine="20.10.24")
    assert "br-0, br-1, br-2 and 2 more again" in told.detail


@pytest.mark.parametrize(
    ("bridges", "documents", "engine"),
    [
        pytest.param({"docker0": 50}, [ported()], "20.10.24", id="a host that asks soon"),
        pytest.param(LATE, [ported()], "28.0.1", id="an engine that announces addresses"),
        pytest.param(LATE, [ported("start-first")], "20.10.24", id="no wait for the port"),
        pytest.param(LATE, [desired("r1")], "20.10.24", id="no port"),
        pytest.param(LATE, [], "20.10.24", id="no document"),
        pytest.param(LATE, [ported()], "", id="an engine that does not answer"),
    ],
)
def test_nothing_is_said_where_it_makes_no_difference(
    bridges: dict[str, int], documents: list[DesiredState], engine: str
) -> None:
    assert not list(bridge_findings(bridges, documents=documents, engine=engine))
