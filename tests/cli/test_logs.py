"""Log lines: form, level, never a secret, the same way out for ours and those of libraries."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from reconciler.cli.late_logs import set_up_logs_when_needed
from reconciler.cli.logs import set_up_logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_lines_are_json_where_nobody_reads_along(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="auto", level="info", color=False)
    structlog.get_logger().info("converged", document="web", generation=3)
    (line,) = lines(capsys)
    assert line["event"] == "converged"
    assert line["document"] == "web"
    assert line["generation"] == 3
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")


def test_lines_of_libraries_take_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="json", level="info", color=False)
    logging.getLogger("aiohttp.access").warning("slow %s", "client")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("slow client", "warning")


def test_lines_are_readable_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="text", level="info", color=False)
    structlog.get_logger().info("converged", document="web")
    err = capsys.readouterr().err
    assert "converged" in err
    assert "document=web" in err
    assert "\x1b" not in err


def test_a_readable_line_has_no_empty_values_and_only_first_lines(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="text", level="info", color=False)
    structlog.get_logger().info("rolled back", document="web", reason="", error="it crashed\npanic: x", heals=0)
    err = capsys.readouterr().err
    assert "reason" not in err
    assert "it crashed …" in err
    assert "panic" not in err
    assert "\\n" not in err
    assert "heals=0" in err
    assert len(err.splitlines()) == 1
    assert re.match(r"[0-9-]{10}T[0-9:]{8}Z \[info", err)


def test_a_readable_traceback_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="text", level="info", color=False)
    structlog.get_logger().error("a bug", exc_info=ValueError("odd"), error=" \n")
    assert "ValueError: odd" in capsys.readouterr().err


def test_json_lines_keep_everything(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="json", level="info", color=False)
    structlog.get_logger().info("rolled back", reason="", error="it crashed\npanic: x")
    (line,) = lines(capsys)
    assert (line["reason"], line["error"]) == ("", "it crashed\npanic: x")


def test_lower_levels_are_left_out_and_chatty_libraries_quietened(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="json", level="info", color=False)
    structlog.get_logger().debug("pass", document="web")
    logging.getLogger("urllib3.connectionpool").info("starting connection")
    assert lines(capsys) == []


def test_debug_shows_ours_but_not_what_libraries_chatter(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="json", level="debug", color=False)
    structlog.get_logger().debug("pass")
    logging.getLogger("docker").debug("chatter")
    assert [line["event"] for line in lines(capsys)] == ["pass"]


def test_secrets_are_masked_wherever_they_hide(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(format="json", level="info", color=False)
    structlog.get_logger().info(
        "pulling https://ana:hunter2@registry.example.com",
        db_password="hunter2",
        environment={"API_TOKEN": "hunter2", "URL": "redis://:hunter2@db/0"},
        tried=["https://bo:hunter2@x", 7],
    )
    try:
        raise ValueError("cannot reach https://ana:hunter2@x")
    except ValueError:
        structlog.get_logger().exception("failed")
    logging.getLogger("other").warning("got https://ana:hunter2@x")
    captured = capsys.readouterr().err
    assert captured.count("\n") == 3
    assert "hunter2" not in captured
    assert "ValueError" in captured


def test_a_commands_first_line_makes_the_way_out_and_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs_when_needed(level="warning", color=False)
    logging.getLogger("reconciler").info("nobody asked for this")
    logging.getLogger("reconciler").warning(
        "%s", "web cannot be planned", extra={"error": "no way", "password": "x1"}
    )
    logging.getLogger("docker").warning("once more")
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 2
    assert "nobody asked" not in err
    assert "web cannot be planned" in err
    assert "error='no way'" in err
    assert "x1" not in err
    assert "once more" in err


def test_the_controller_has_no_use_for_what_draws_tracebacks() -> None:
    code = "import sys, reconciler.cli.run, reconciler.controller.app.program; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_rich_is_there_for_who_wants_it_afterwards() -> None:
    code = "import reconciler.cli.logs, rich.console; print(rich.console.Console.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "Console\n"
