"""The engine's disk is full: the old release serves on, no request fails, and all heals with the room."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.engine import PrivateEngine
from tests.parts.images import publish
from tests.parts.small_disk import SmallDisk, small_disk
from tests.parts.standard_images import web

DISK = "64m"
TOO_BIG = 80 << 20
SLACK = 1 << 20
"""What the engine's own databases may have grown by."""


@pytest.fixture
def full_engine() -> Iterator[tuple[PrivateEngine, SmallDisk]]:
    """An engine whose data lies on a small disk."""
    engine = PrivateEngine()
    with small_disk(engine.folder / "data", size=DISK) as disk, engine:
        yield engine, disk


@pytest.fixture
def fresh_engine(full_engine: tuple[PrivateEngine, SmallDisk]) -> PrivateEngine:
    """The stage is on this one."""
    return full_engine[0]


@pytest.fixture
def disk(full_engine: tuple[PrivateEngine, SmallDisk]) -> SmallDisk:
    return full_engine[1]


@pytest.mark.fault("D1")
def test_a_disk_that_fills_up_in_a_pull_leaves_the_old_one_serving_and_gets_its_room_back(
    fresh_stage: Stage, disk: SmallDisk, fresh_oracle: Oracle
) -> None:
    """A pull that has no room ends as a failure with the reason; nothing of it stays on the disk."""
    fresh_stage.deploy_here("v1")
    identity, free = fresh_stage.identity(), _free(disk)
    recipe = web("v2")
    address = fresh_stage.images.web_v1.repository.partition("/")[0]
    big = publish(address, "web", "big", replace(recipe, files={**recipe.files, "www/big": _noise(TOO_BIG)}))
    with fresh_stage.users() as users:
        fresh_stage.write(fresh_stage.web("v2", digest=big.digest))
        failed = fresh_stage.apply(expect=4)
    assert "no space left on device" in failed.stdout
    assert (users.answers, users.failed) == ({"web v1"}, [])
    assert fresh_stage.identity() == identity
    assert fresh_stage.history()["quarantined"] == []
    eventually("the room is given back", lambda: _free(disk) > free - SLACK)
    fresh_stage.write(fresh_stage.web("v2"))
    began = time.monotonic()
    fresh_stage.apply()
    fresh_stage.showed("converged_s", time.monotonic() - began)
    fresh_oracle.holds("v2")


@pytest.mark.fault("D2")
def test_a_full_disk_at_the_create_leaves_the_old_one_serving(
    fresh_stage: Stage, disk: SmallDisk, fresh_oracle: Oracle
) -> None:
    """The engine can stop and rename on a full disk, but not create: so the create comes first."""
    fresh_stage.deploy_here("v1")
    identity = fresh_stage.identity()
    fresh_stage.sdk.pull(fresh_stage.image("v2").reference)
    fresh_stage.write(fresh_stage.web("v2"))
    disk.fill()
    with fresh_stage.users() as users:
        failed = fresh_stage.apply(expect=4)
    assert "no space left on device" in failed.stdout
    assert (users.answers, users.failed) == ({"web v1"}, [])
    assert fresh_stage.identity() == identity
    assert fresh_stage.history()["quarantined"] == []
    disk.free()
    began = time.monotonic()
    fresh_stage.apply()
    fresh_stage.showed("converged_s", time.monotonic() - began)
    fresh_oracle.holds("v2")


def _free(disk: SmallDisk) -> int:
    told = os.statvfs(disk.path)
    return told.f_bfree * told.f_frsize


def _noise(size: int) -> str:
    """Text that no compression makes much smaller."""
    return os.urandom(size // 2).hex()
