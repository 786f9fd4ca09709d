"""``--home``: the orchestrator's folder, for the commands that work in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

FOLDER: Final = click.Path(path_type=Path, file_okay=False)


def _default_home() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/reconciler-orchestrator")
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "reconciler-orchestrator"


def home_option(command: Any) -> Any:
    """``--home DIR``, as the parameter ``home``."""
    return click.option(
        "--home",
        type=FOLDER,
        default=_default_home,
        envvar="RECONCILER_HOME",
        show_default="/var/lib/reconciler-orchestrator",
        help="The orchestrator's folder.",
    )(command)
