"""Defaults that depend on the host and on who runs the program.

For root by the Filesystem Hierarchy Standard (3.0), for everybody else by the XDG base directories (0.8).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.config.values import DEFAULT_ENGINE

NAME = "reconciler"


def host_defaults(environment: Mapping[str, str], *, root: bool) -> dict[str, str]:
    """By name of setting. An ordinary user without a run-time directory has no folder in memory by default: then
    the one for secrets is refused when it is needed.
    """
    if root:
        state, run, settings = f"/var/lib/{NAME}", f"/run/{NAME}", f"/etc/{NAME}"
    else:
        state = _base(environment, "XDG_STATE_HOME", f"~/.local/state/{NAME}")
        run = _base(environment, "XDG_RUNTIME_DIR", f"{state}/run")
        settings = _base(environment, "XDG_CONFIG_HOME", f"~/.config/{NAME}")
    return {
        "engine": DEFAULT_ENGINE,
        "state-dir": state,
        "secrets-dir": run,
        "identity": f"{settings}/identity.txt",
        "registry-credentials": f"{settings}/registries.age",
        "notify": f"{settings}/notify.yaml",
    }


def _base(environment: Mapping[str, str], variable: str, otherwise: str) -> str:
    """Our folder in a base directory; one that is not absolute is ignored, as the specification asks."""
    base = environment.get(variable, "")
    return str(Path(base) / NAME) if base.startswith("/") else otherwise
