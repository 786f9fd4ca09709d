"""The controller under a service manager: it tells what systemd wants to know of a service that notifies."""

from __future__ import annotations

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.notify_socket import notify_socket


def test_a_service_manager_hears_of_the_start_of_trouble_and_of_the_end(
    fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    stage, address = fresh_stage, str(fresh_stage.folder / "notify")
    stage.write(stage.web("v1"))
    settings = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "900000", "RECONCILER_RESYNC": "1"}
    with notify_socket(address) as manager, stage.controller(**settings) as controller:
        hears = manager.hears
        eventually("it is up", lambda: hears("READY=1"))
        eventually("it is well", lambda: hears("WATCHDOG=1"))
        eventually("it sees its host", lambda: hears("STATUS=ready"))
        controller.settles(stage.name)
        stage.engine.stop()
        eventually("it says what is missing", lambda: hears("STATUS=asking the engine"))
        stage.engine.start()
        controller.settles(stage.name)
        controller.stop()
        eventually("it says that it ends", lambda: hears("STOPPING=1"))
    fresh_oracle.holds("v1")
