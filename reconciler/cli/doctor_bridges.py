"""What ``doctor`` says of the host's bridges: whether a replacement with a host port waits for an address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.controller.checkup import Finding
from reconciler.core.desired import DesiredState

SOON_MS: Final = 100
"""Half of what stopping and starting a container takes at the least."""

ANNOUNCES: Final = 28
"""Since this version the engine tells the host the address of a container when it starts (unsolicited ARP)."""


def bridge_findings(
    bridges: Mapping[str, int], *, documents: Sequence[DesiredState], engine: str
) -> Iterator[Finding]:
    """Nothing where it makes no difference. ``bridges`` as of ``asks_again_ms``; ``engine`` is its version, "" of
    one that did not answer.
    """
    number = re.match(r"\d+", engine)
    if number is None or int(number[0]) >= ANNOUNCES or not any(map(_waits, documents)):
        return
    late = {name: again for name, again in bridges.items() if again > SOON_MS}
    for name, again in late.items():
        yield Finding(
            "warning",
            "bridge",
            f"the host asks for an address on {name} again after {again} ms: a release that replaces another on a"
            f" host port may be down for so much longer",
            f"sysctl -w net.ipv4.neigh.{name}.retrans_time_ms=50 (see docs/how-to/short-outages.md)",
        )


def _waits(document: DesiredState) -> bool:
    """Whether its old container ends before the new one gets the host's port."""
    return bool(document.config.ports) and document.strategy.order == "stop-first"
