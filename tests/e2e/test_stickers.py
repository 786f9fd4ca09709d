"""Stickers on the real host and in a real volume: whatever becomes of one, it is told and written anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the sticker is said to lie, and the file on this machine that it is."""

    spec: dict[str, str]
    file: Callable[[], Path]

    def overwrite(self, content: bytes) -> None:
        """As somebody with access to the host would; a link (in volumes) is replaced, not followed."""
        self.file().unlink(missing_ok=True)
        self.file().write_bytes(content)


@pytest.fixture(params=["host", "volume"])
def place(request: pytest.FixtureRequest, stage: Stage) -> Place:
    if request.param == "host":
        return Place(spec={"path": str(stage.sticker())}, file=stage.sticker)
    volume = f"{stage.prefix}-stickers"

    def inside() -> Path:
        return Path(stage.sdk.inspect_volume(volume)["Mountpoint"]) / "web/version.json"

    return Place(spec={"location": "volume", "volume": volume, "path": "web/version.json"}, file=inside)


def forged(true: bytes) -> bytes:
    """A well-formed sticker for another release, without knowing the key."""
    told = json.loads(true)
    told["release"]["id"] = "v9"
    return json.dumps(told, indent=2, sort_keys=True).encode() + b"\n"


HARM: dict[str, Callable[[bytes], bytes]] = {
    "corrupt": lambda true: true[: len(true) // 2],
    "forged": forged,
}


def web(stage: Stage, version: str, place: Place) -> None:
    """Deploy a release with the sticker in that place."""
    document = stage.web(version)
    document["spec"]["sticker"] = place.spec
    stage.write(document)
    stage.apply()


@pytest.mark.every_run("volume-corrupt", "host-forged")
@pytest.mark.fault("S2", "S3")
@pytest.mark.parametrize("state", HARM)
def test_a_sticker_that_was_changed_is_told_and_written_anew(
    state: str, place: Place, stage: Stage, oracle: Oracle
) -> None:
    web(stage, "v1", place)
    true = place.file().read_bytes()
    place.overwrite(HARM[state](true))
    _is_told_and_mended(state, true, place, stage)
    oracle.holds("v1")


@pytest.mark.every_run("volume")
@pytest.mark.fault("S1")
def test_a_sticker_that_was_removed_is_told_and_written_anew(place: Place, stage: Stage, oracle: Oracle) -> None:
    web(stage, "v1", place)
    true = place.file().read_bytes()
    place.file().unlink()
    _is_told_and_mended("absent", true, place, stage)
    oracle.holds("v1")


@pytest.mark.every_run("host")
def test_an_old_sticker_is_told_and_written_anew(place: Place, stage: Stage, oracle: Oracle) -> None:
    web(stage, "v1", place)
    old = place.file().read_bytes()
    web(stage, "v2", place)
    true = place.file().read_bytes()
    place.overwrite(old)
    _is_told_and_mended("stale", true, place, stage)
    oracle.holds("v2")


def _is_told_and_mended(state: str, true: bytes, place: Place, stage: Stage) -> None:
    identity = stage.identity()
    verified = stage.json("sticker", "verify", stage.name, expect=(2,))
    assert verified["sticker"] == state
    assert [(item["kind"], item["found"]) for item in stage.plan()["drift"]] == [("sticker", state)]
    stage.apply()
    assert place.file().read_bytes() == true
    assert stage.identity() == identity
