"""Clocks: they jump in the middle of a deploy, stand in another time zone, and the host sleeps."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.clock import WallClock
from tests.parts.warm import ColdPrograms

JUMPS: dict[str, Callable[[WallClock], None]] = {
    "an hour ahead": lambda clock: clock.ahead(3600),
    "an hour behind": lambda clock: clock.ahead(-3600),
    "1970": lambda clock: clock.now(datetime(1970, 1, 2, tzinfo=UTC)),
    "2040": lambda clock: clock.now(datetime(2040, 1, 2, tzinfo=UTC)),
}
NO_TIMER = {"RECONCILER_RESYNC": "600"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@pytest.fixture
def clock(stage: Stage) -> WallClock:
    """The wall clock of all programs of the stage that are started from now on."""
    made = WallClock(stage.folder / "clock")
    stage.programs = ColdPrograms()
    stage.settings |= made.variables(stage.environment()["PYTHONPATH"])
    return made


def generations(stage: Stage) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(f"file:{stage.state / 'history.db'}?mode=ro", uri=True)) as history:
        return history.execute("SELECT generation, kind, state FROM operations ORDER BY generation").fetchall()


@pytest.mark.fault("T1")
def test_the_clock_jumps_in_the_middle_of_deploys(stage: Stage, oracle: Oracle, clock: WallClock) -> None:
    """To and fro, by an hour and by decades: every deploy ends as without, in its order."""
    stage.deploy_here("v1")
    with stage.controller(**NO_TIMER) as controller:
        for number, jump in enumerate(JUMPS.values(), start=2):
            release = f"v{2 - number % 2}"
            stage.write(stage.web(release, strategy={"minHealthy": "1s"}))
            eventually(f"{release} is being waited for", partial(serves, stage, release))
            jump(clock)
            eventually("it is committed", partial(committed, stage, number))
            controller.settles(stage.name)
    clock.ahead(0)
    stage.apply()
    assert [(number, state) for number, _, state in generations(stage)] == [
        (number, "committed") for number in range(1, 6)
    ]
    oracle.holds("v1")


def serves(stage: Stage, release: str) -> bool:
    return stage.page() == f"web {release}"


def committed(stage: Stage, number: int) -> bool:
    last, _, state = generations(stage)[-1]
    return (last, state) == (number, "committed")


@pytest.mark.fault("T3")
@pytest.mark.every_run("<+14>-14")
@pytest.mark.parametrize("zone", ["<+14>-14", "<-11>11"])
def test_in_another_time_zone_all_is_told_in_utc(zone: str, stage: Stage, oracle: Oracle) -> None:
    """Sticker, history, status, events and log: the same moment everywhere, marked as UTC."""
    stage.programs = ColdPrograms()
    stage.settings |= {"TZ": zone}
    stage.write(stage.web("v1"))
    began = time.time()
    with stage.controller() as controller:
        controller.settles(stage.name)
        log = controller.text
    stage.write(stage.web("v2", drift={"mode": "warn"}))
    stage.docker("stop", stage.name)
    told = {
        "sticker": stage.sticker().read_text(),
        "log": log,
        **{word: stage.reconciler(word, stage.name, "--json").stdout for word in ("history", "why", "status")},
        **{f"{word} for people": stage.reconciler(word, stage.name).stdout for word in ("history", "why")},
    }
    for where, text in told.items():
        moments = [datetime.fromisoformat(found[0].replace(" ", "T")) for found in MOMENT.finditer(text)]
        assert moments, f"no time in {where}: {text}"
        for moment in moments:
            assert moment.utcoffset() == timedelta(0), f"{where}: {moment}"
            assert began - 60 < moment.timestamp() < time.time() + 1, f"{where}: {moment}"
    stage.write(stage.web("v1"))
    stage.apply()
    oracle.holds("v1")


@pytest.mark.fault("T3")
def test_the_hour_that_summer_time_gives_back_changes_no_order(
    stage: Stage, oracle: Oracle, clock: WallClock
) -> None:
    """Local time goes back by an hour between two deploys; what was done goes on being told in its order."""
    stage.settings |= {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
    change = datetime(2027, 10, 31, 1, tzinfo=UTC)
    clock.now(change - timedelta(minutes=10))
    stage.deploy("v1")
    clock.now(change + timedelta(minutes=10))
    stage.deploy("v2")
    shown = stage.history()["generations"]
    ends = [datetime.fromisoformat(item["endedAt"]) for item in shown]
    assert [item["generation"] for item in shown] == [1, 2]
    assert [abs(end - change) for end in ends] == pytest.approx(
        [timedelta(minutes=10)] * 2, abs=timedelta(minutes=2)
    )
    assert ends[0] < change < ends[1]
    assert json.loads(stage.sticker().read_text())["generatedAt"].startswith("2027-10-31T01:1")
    clock.ahead(0)
    oracle.holds("v2")


@pytest.mark.fault("T4")
def test_what_got_healthy_while_the_host_slept_is_committed_when_it_wakes(stage: Stage, oracle: Oracle) -> None:
    """The deadline went by in its sleep: what counts is how the container is now, looked at again."""
    stage.deploy_here("v1")
    with stage.controller(**NO_TIMER) as controller:
        stage.write(stage.web("v2", config={"healthCheck": {"timeout": "4s"}}, strategy={"minHealthy": "2s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        sleep_for(controller.process.pid, 6)
        controller.settles(stage.name)
    assert [state for _, _, state in generations(stage)] == ["committed", "committed"]
    oracle.holds("v2")


@pytest.mark.fault("T4")
def test_what_is_still_not_healthy_after_the_hosts_sleep_is_taken_back_at_once(
    stage: Stage, oracle: Oracle
) -> None:
    """A sleep gives a release that fails no more time than it has."""
    stage.deploy_here("v1")
    with stage.controller(**NO_TIMER) as controller:
        stage.write(stage.web("v3", config={"healthCheck": {"timeout": "9s"}}))
        eventually("v3 is being waited for", lambda: stage.page() == "web v3")
        sleep_for(controller.process.pid, 10)
        eventually("v1 is back", lambda: stage.page() == "web v1", within_s=8)
        eventually("it is told", lambda: controller.phase(stage.name) == "RolledBack")
    oracle.holds("v1")


def sleep_for(pid: int, seconds: float) -> None:
    """All of it stands still, as in a host that sleeps."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
