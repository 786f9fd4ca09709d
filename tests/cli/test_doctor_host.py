"""What ``doctor`` sees of a host besides the service: each thing well, and each broken in the way it breaks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.doctor_host import (
    LITTLE,
    NONE_LEFT,
    compose_program,
    disk,
    free_bytes,
    host_findings,
    versions,
)
from reconciler.config import Settings, load_settings
from reconciler.controller.checkup import Finding
from reconciler.core.delivery import delivered_secret, sealed_variable
from reconciler.core.secret import Secret
from reconciler.credentials import age
from reconciler.state_dir import StateDir
from tests.cli.parts import desired
from tests.cli.recorded import NOW

CANARY = b"canary-7f3"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "state").mkdir(mode=0o700)
    given = {
        "state-dir": str(tmp_path / "state"),
        "identity": str(tmp_path / "identity.txt"),
        "secrets-dir": "/dev/shm/reconciler",
        "listen": "127.0.0.1:0",
        "engine": f"unix://{tmp_path}/none.sock",
    }
    return load_settings(given, environment={}, folder=tmp_path, file=None, root=True)


def found(settings: Settings, subject: str, **facts: Any) -> Finding:
    usual: dict[str, Any] = {"documents": (), "newest": 0.0, "now": NOW}
    (finding,) = (item for item in host_findings(settings, **{**usual, **facts}) if item.subject == subject)
    return finding


def test_a_fresh_host_is_well(settings: Settings) -> None:
    findings = tuple(host_findings(settings, documents=(), newest=0.0, now=NOW))
    assert {item.level for item in findings} == {"ok"}, findings
    assert not any(item.fix for item in findings)


def identity(settings: Settings) -> str:
    secret, public = age.new_key()
    settings.identity.touch(mode=0o600)
    settings.identity.write_bytes(secret.reveal() + b"\n")
    return public


def with_secrets(*recipients: str) -> Any:
    sealed = age.seal(Secret(CANARY), list(recipients))
    return desired(
        "r1",
        deliveries=(delivered_secret("db", sealed, "/run/secrets/db"),),
        variables=(sealed_variable("token", sealed, "TOKEN"),),
    )


def test_secrets_that_can_be_opened_are_counted_and_not_told(settings: Settings) -> None:
    public = identity(settings)
    findings = tuple(host_findings(settings, documents=(with_secrets(public),), newest=0.0, now=NOW))
    told = {item.subject: item.detail for item in findings}
    assert public in told["identity"]
    assert told["secrets"] == "2 can be opened"
    assert CANARY.decode() not in str(findings)


def test_a_secret_for_another_host_is_an_error_with_a_fix(settings: Settings) -> None:
    identity(settings)
    _, other = age.new_key()
    findings = host_findings(settings, documents=(with_secrets(other),), newest=0.0, now=NOW)
    wrong = [item for item in findings if item.level == "error"]
    assert [item.detail.partition(":")[0] for item in wrong] == [
        "db of web is encrypted for others",
        "token of web is encrypted for others",
    ]
    assert all("secret encrypt" in item.fix for item in wrong)


def test_an_identity_that_is_needed_and_missing_or_open_to_others_is_an_error(settings: Settings) -> None:
    _, other = age.new_key()
    missing = found(settings, "identity", documents=(with_secrets(other),))
    assert (missing.level, "keygen" in missing.fix) == ("error", True)
    identity(settings)
    settings.identity.chmod(0o644)
    assert found(settings, "identity").level == "error"


def test_registry_logins_are_counted_and_a_wrong_file_is_told(settings: Settings, tmp_path: Path) -> None:
    public = identity(settings)
    logins = replace(settings, registry_credentials=tmp_path / "registries.age")
    login = f"{{username: ana, password: {CANARY.decode()}}}"
    text = f"registries:\n  registry.example.com: {login}\n"
    logins.registry_credentials.touch(mode=0o600)
    logins.registry_credentials.write_text(age.seal(Secret(text.encode()), [public]))
    finding = found(logins, "registry logins")
    assert (finding.level, finding.detail.startswith("1 in ")) == ("ok", True), finding
    assert CANARY.decode() not in str(finding)
    logins.registry_credentials.write_text("no age text")
    assert found(logins, "registry logins").level == "error"


def test_a_secrets_folder_on_a_disk_is_an_error_once_there_are_secrets(settings: Settings) -> None:
    on_a_disk = replace(settings, secrets_dir=Path("/usr/lib"))
    assert found(on_a_disk, "secrets folder").level == "ok"
    finding = found(on_a_disk, "secrets folder", documents=(with_secrets(identity(settings)),))
    assert (finding.level, "--secrets-dir" in finding.fix) == ("error", True)


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_an_address_in_use_is_an_error_unless_our_controller_has_it(settings: Settings, taken: int) -> None:
    busy = replace(settings, listen=f"127.0.0.1:{taken}")
    finding = found(busy, "listen")
    assert (finding.level, finding.fix) == ("error", "choose another with --listen")
    assert "address already in use" in finding.detail
    assert found(busy, "controller").detail.startswith("does not run")
    with StateDir(settings.state_dir).lock():
        findings = tuple(host_findings(busy, documents=(), newest=0.0, now=NOW))
    assert "listen" not in {item.subject for item in findings}
    assert any(item.detail.startswith("runs: process ") for item in findings)


@pytest.mark.parametrize(
    ("now", "newest", "level"), [(NOW, NOW - 5, "ok"), (NOW, NOW + 3600, "warning"), (1000.0, 0.0, "error")]
)
def test_a_clock_that_goes_backwards_is_told(settings: Settings, now: float, newest: float, level: str) -> None:
    finding = found(settings, "clock", now=now, newest=newest)
    assert (finding.level, bool(finding.fix)) == (level, level != "ok")


@pytest.mark.parametrize(("room", "level"), [(LITTLE, "ok"), (LITTLE - 1, "warning"), (NONE_LEFT - 1, "error")])
def test_a_disk_that_fills_up_is_told_before_it_is_full(settings: Settings, room: int, level: str) -> None:
    assert {item.level for item in disk(settings, lambda _: room)} == {level}


def test_room_is_that_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") == pytest.approx(free_bytes(tmp_path), rel=0.1)


def test_versions_and_compose_are_told_and_compose_may_be_missing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Python 3." in versions().detail
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert compose_program(settings).level == "ok"
