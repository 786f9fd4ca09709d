"""The example's systemd units: right in systemd's own eyes, and as closed as they can be."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from reconciler.cli.root import cli
from tests.parts import host
from tests.parts.command_line import parse

UNITS = Path(__file__).parents[1] / "examples" / "08-systemd"
CONTROLLER = "reconciler.service"
AGENT = f"{CONTROLLER}.d/agent.conf"
ORCHESTRATOR = "reconciler-orchestrator.service"
PROGRAM = "/opt/reconciler/bin/reconciler"
MOST_EXPOSED = {CONTROLLER: 2.9, ORCHESTRATOR: 1.7}
"""Of 10, as systemd reckons: what it calls OK begins below 5, a root service without limits has 9.6."""


def laid_out(folder: Path, unit: str, *drop_ins: str) -> Path:
    """A unit with its drop-ins, whose program is there."""
    for name in (unit, *drop_ins):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text((UNITS / name).read_text().replace(PROGRAM, sys.executable))
    return folder / unit


@pytest.mark.parametrize("names", [(CONTROLLER,), (CONTROLLER, AGENT), (ORCHESTRATOR,)])
def test_systemd_finds_the_unit_right(tmp_path: Path, names: tuple[str, ...]) -> None:
    here = laid_out(tmp_path, *names)
    analyze = host.program("systemd-analyze", package="systemd")
    assert host.run(analyze, "verify", "--man=no", "--recursive-errors=no", str(here)) == ""


@pytest.mark.parametrize("name", [CONTROLLER, ORCHESTRATOR])
def test_the_unit_is_closed(name: str) -> None:
    analyze = host.program("systemd-analyze", package="systemd")
    told = host.run(analyze, "security", "--offline=yes", "--no-pager", str(UNITS / name))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found, told
    assert float(found[1]) <= MOST_EXPOSED[name], told


@pytest.mark.parametrize("name", [CONTROLLER, AGENT, ORCHESTRATOR])
def test_the_unit_starts_a_command_that_there_is(name: str) -> None:
    (command,) = re.findall(rf"^ExecStart={PROGRAM} (.+)$", (UNITS / name).read_text(), re.MULTILINE)
    parse(cli, shlex.split(command))
