"""Which engine the tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import engine_program, host
from tests.parts.engine_program import VARIABLE, chosen, of_version
from tests.parts.host import PartFailed


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test has a folder of unpacked engines of its own."""
    monkeypatch.setattr(engine_program, "UNPACKED", tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def own() -> str:
    """This machine's engine."""
    return host.program("dockerd", package="docker.io")


def unpack(folder: Path, version: str) -> Path:
    """An engine that says its version, as Debian unpacks it."""
    dockerd = folder / version / "usr/sbin/dockerd"
    dockerd.parent.mkdir(parents=True)
    dockerd.write_text(f"#!/bin/sh\necho 'Docker version {version}.7+dfsg1, build x'\n")
    dockerd.chmod(0o755)
    return dockerd


def test_unless_another_is_wanted_it_is_the_machines_own(own: str) -> None:
    assert chosen().dockerd == own
    assert chosen().path == host.SYSTEM_PATH


def test_a_version_that_is_unpacked_is_started_with_its_own_helpers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerd = unpack(tmp_path, "77.1")
    monkeypatch.setenv(VARIABLE, "77.1")
    assert chosen().dockerd == str(dockerd)
    assert chosen().version == "77.1.7"
    assert chosen().path.startswith(f"{dockerd.parent}:")


def test_where_the_machines_own_is_of_that_version_it_is_taken(own: str) -> None:
    major, minor, *_ = of_version("").version.split(".")
    assert of_version(f"{major}.{minor}").dockerd == own


def test_a_version_that_is_nowhere_is_told() -> None:
    with pytest.raises(PartFailed, match=r"TEST_ENGINE=2: .* is \d+\.\d+.* run `tools/setup dev`"):
        of_version("2")


def test_an_engine_that_says_no_version_is_told(tmp_path: Path) -> None:
    unpack(tmp_path, "77.2").write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(PartFailed, match="says no version: hello"):
        _ = of_version("77.2").version
