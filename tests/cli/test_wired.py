"""The program with its real parts, as far as it gets without an engine; and ``run`` with a recorded controller."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from reconciler.__main__ import main
from reconciler.config import Settings
from reconciler.errors import InvalidSettings, StateLocked
from reconciler.state_dir import StateDir
from tests.cli.recorded import RecordedService, run

WEB = f"""\
apiVersion: stella/v1
kind: Container
metadata: {{name: web}}
spec:
  release: {{id: r1}}
  image: registry.example.com/shop/web
  digest: sha256:{"a" * 64}
"""


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one document, its own state, and no engine."""
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_STATE_HOME", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_ENGINE", f"unix://{tmp_path}/none.sock")
    (tmp_path / "desired").mkdir()
    (tmp_path / "desired" / "web.yaml").write_text(WEB)
    return tmp_path


def test_status_without_an_engine_is_unknown_and_says_why(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 2
    (document,) = json.loads(capsys.readouterr().out)["documents"]
    assert (document["name"], document["sync"], document["health"]) == ("web", "Unknown", "Unknown")
    assert "none.sock" in document["reason"]


def test_plan_without_an_engine_is_an_error_with_a_hint(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err


def test_doctor_without_an_engine_finds_it_missing(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    assert "error    engine:" in capsys.readouterr().out


def test_doctor_names_broken_files_so_that_they_can_be_opened(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (host / "desired" / "web.yaml").write_text("kind: [")
    assert main(["doctor"]) == 1
    assert "documents: desired/web.yaml:" in capsys.readouterr().out


def test_status_of_a_missing_folder_is_an_error(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--desired", "elsewhere"]) == 1
    assert "elsewhere:1:1: the folder cannot be read: No such file" in capsys.readouterr().err


def test_control_commands_work_without_an_engine(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suspend", "web", "--reason", "incident 42", "--by", "ana"]) == 0
    assert main(["status", "--json"]) == 2
    assert main(["resume", "web"]) == 0
    assert main(["history", "web"]) == 0
    assert main(["rollback", "web"]) == 1
    captured = capsys.readouterr()
    assert '"reason": "incident 42"' in captured.out
    assert "error: nothing to roll back to: no earlier release of web ever worked here" in captured.err


def test_the_controller_refuses_a_state_directory_that_is_held(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StateDir(host / "state").lock():
        assert main(["run"]) == 1
        assert main(["apply"]) == 1
    assert capsys.readouterr().err.count("error: ") == 2


def test_run_hands_the_settings_to_the_controller(tmp_path: Path) -> None:
    given: list[Settings] = []
    arguments = ["run", "--listen", "127.0.0.1:0", "--prune", "--log-format", "json", "--resync", "5"]
    ran = run(RecordedService(), *arguments, folder=tmp_path, run_controller=given.append)
    (settings,) = given
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert (settings.listen, settings.prune, settings.resync_s) == ("127.0.0.1:0", True, 5.0)


@pytest.mark.parametrize(("cause", "status"), [(OSError(98, "Address already in use"), 1), (ValueError(), 64)])
def test_a_port_that_is_taken_is_the_hosts_state_and_no_misuse(
    tmp_path: Path, cause: Exception, status: int
) -> None:
    def controller(_: Settings) -> None:
        raise InvalidSettings("cannot listen on 127.0.0.1:1", hint="choose another address") from cause

    ran = run(RecordedService(), "run", folder=tmp_path, run_controller=controller)
    assert ran.status == status
    assert ran.err == "error: cannot listen on 127.0.0.1:1\nhint: choose another address\n"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, "\nstopped; the next pass goes on from here\n"),
        (StateLocked("held by process 7"), 1, "error: held by process 7\n"),
    ],
)
def test_run_ends_with_words(tmp_path: Path, error: BaseException, status: int, message: str) -> None:
    def controller(_: Settings) -> None:
        raise error

    ran = run(RecordedService(), "run", folder=tmp_path, run_controller=controller)
    assert (ran.status, ran.err) == (status, message)
