"""A network bridge and address ranges for one private engine.

Invariants: creating the bridge is the claim (the kernel refuses a second one of the same name), so engines of
parallel runs never share a range; ranges come from 198.18.0.0/15, which is reserved for bench tests (RFC 2544)
and therefore on nobody's network. Names of bridges: ``recon<slot>``; of user-defined networks: the engine's.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass

from tests.parts.host import PartFailed, program, run

_SLOTS = 250


@dataclass(frozen=True, slots=True)
class Bridge:
    """The claim: ``name`` exists, is up and has ``address``; networks that users create get parts of ``pool``."""

    slot: int

    @property
    def name(self) -> str:
        return f"recon{self.slot}"

    @property
    def address(self) -> str:
        return f"198.18.{self.slot}.1/24"

    @property
    def pool(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"198.19.{self.slot}.0/24")

    def remove(self) -> None:
        """Remove the bridge, and those which the engine made in the pool and left behind."""
        for name in self._left_behind():
            run(_ip(), "link", "delete", name)

    def _left_behind(self) -> list[str]:
        names = []
        for link in json.loads(run(_ip(), "-json", "address", "show")):
            addresses = [
                ipaddress.ip_address(a["local"]) for a in link.get("addr_info", ()) if a["family"] == "inet"
            ]
            if link.get("ifname") == self.name or any(address in self.pool for address in addresses):
                names.append(str(link["ifname"]))
        return names


def claim_bridge() -> Bridge:
    """Create a bridge on the first free slot. Raises PartFailed (no rights, all slots taken)."""
    taken = {link.get("ifname") for link in json.loads(run(_ip(), "-json", "link", "show"))}
    failure = "every slot is taken"
    for slot in range(1, _SLOTS):
        bridge = Bridge(slot)
        if bridge.name in taken:
            continue
        try:
            run(_ip(), "link", "add", bridge.name, "type", "bridge")
        except PartFailed as error:
            if "File exists" not in str(error):
                raise
            failure = str(error)
            continue
        run(_ip(), "address", "add", bridge.address, "dev", bridge.name)
        run(_ip(), "link", "set", bridge.name, "up")
        return bridge
    raise PartFailed(f"no bridge for a private engine: {failure}")


def _ip() -> str:
    return program("ip", package="iproute2")
