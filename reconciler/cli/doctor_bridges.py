"""What ``doctor`` says of the host's bridges: whether a replacement with a host port waits for an address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.controller.checkup import Finding
from reconciler.core.desired import DesiredState
from reconciler.core.words import listed

SOON_MS: Final = 100
"""Half of what stopping and starting a container takes at the least."""

MOST: Final = 3
"""Names of bridges that are told; a host may have one for each Compose project."""

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
    if late:
        yield Finding(
            "warning",
            "bridges",
            f"the host asks for an address on {listed(list(late), most=MOST)} again after {max(late.values())} ms:"
            f" a release that replaces another on a host port may be down for so much longer",
            f"sysctl -w net.ipv4.neigh.{next(iter(late))}.retrans_time_ms=50; see docs/how-to/short-outages.md",
        )


def _waits(document: DesiredState) -> bool:
    """Whether its old container ends before the new one gets the host's port."""
    return bool(document.config.ports) and document.strategy.order == "stop-first"
