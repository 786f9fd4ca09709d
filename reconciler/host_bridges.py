"""The bridges of this host, and how soon Linux asks again for the address of what is connected to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/")


def asks_again_ms(root: Path = ROOT) -> Mapping[str, int]:
    """By the bridge's name, milliseconds between two questions that nobody answers (``retrans_time_ms``, arp(7)).

    ``root`` is where /sys and /proc lie. A bridge that goes away meanwhile is left out.
    """
    found: dict[str, int] = {}
    for bridge in sorted((root / "sys/class/net").glob("*/bridge")):
        name = bridge.parent.name
        try:
            found[name] = int((root / "proc/sys/net/ipv4/neigh" / name / "retrans_time_ms").read_text())
        except FileNotFoundError:
            continue
    return found
