"""Colours: whether a stream gets them. Pure; needs nothing that costs time to import.

What is said for this program (``--color``, its setting) comes first, then what users say for all programs:
``NO_COLOR`` (no-color.org), ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` (bixense.com/clicolors), ``CLICOLOR=0`` and a
dumb terminal; then whether the stream is a terminal at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_FORCING: Final = ("FORCE_COLOR", "CLICOLOR_FORCE")
_NO: Final = frozenset({"", "0", "false"})


def colored(choice: str, environment: Mapping[str, str], *, terminal: bool) -> bool:
    """``choice`` is auto, always or never; ``terminal``: whether the stream is one."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "").lower() not in _NO for name in _FORCING):
        return True
    plain = environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb"
    return terminal and not plain
