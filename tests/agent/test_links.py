"""Links whose other side is gone, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reconciler.agent.links import websocket
from reconciler.agent.renewal import Passports
from reconciler.errors import TemporaryError
from tests.agent.host import Host, run
from tests.agent.orchestrator import Orchestrator


@pytest.mark.fault("N1")
def test_a_ping_of_an_orchestrator_that_is_gone_is_a_lost_link(tmp_path: Path) -> None:
    """It waits to be read when the connection is lost, and cannot be answered."""
    orchestrator = Orchestrator().start()
    host = Host(tmp_path, orchestrator)

    async def story() -> None:
        await host.enroll()
        enrolment = host.place.enrolment()
        passport = Passports(host.place, enrolment, lambda: None).current()
        async with websocket(enrolment, passport) as link:
            orchestrator.ping_and_cut()
            await asyncio.sleep(0.2)
            with pytest.raises(TemporaryError, match="the connection to the orchestrator was lost"):
                await link.receive()

    run(story())
    orchestrator.close()
