"""Machines on this machine: network namespaces, each with a cable to one bridge, which can be pulled.

Invariant: nothing is left after ``remove``, nor for long where the owner was killed (``folder``).
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tests.parts.bridge import Bridge, claim_bridge
from tests.parts.folder import PrivateFolder
from tests.parts.host import program, run


class Switch:
    """The bridge that all are connected to. ``address``: ours there, at which they reach what listens here."""

    def __init__(self) -> None:
        self._private = PrivateFolder()
        self._bridge: Bridge = claim_bridge()
        self._private.note(self._bridge)
        self.name = self._bridge.name
        self.address = self._bridge.address.partition("/")[0]

    def address_of(self, number: int) -> str:
        """The address of the machine with this number, from 2 to 254."""
        return f"{self.address.rpartition('.')[0]}.{number}"

    def remove(self) -> None:
        """With all cables that are in it."""
        self._private.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class Namespace:
    """One machine's network: its own loopback interface, and ``address`` at the switch."""

    def __init__(self, switch: Switch, number: int) -> None:
        self._private = PrivateFolder()
        self.folder = self._private.path
        self.name = self.folder.name
        self.address = switch.address_of(number)
        self._outer = f"v{self.name.rpartition('-')[2]}"
        self._private.note_namespace(self._outer)
        try:
            self._make(switch)
        except BaseException:
            self.remove()
            raise

    @property
    def inside(self) -> tuple[str, ...]:
        """What a command begins with that runs in here."""
        return (program("nsenter", package="util-linux"), f"--net=/run/netns/{self.name}")

    def cut(self) -> None:
        """Pull the cable: nothing is told to anybody."""
        _ip("link", "set", self._outer, "down")

    def mend(self) -> None:
        """Put it in again."""
        _ip("link", "set", self._outer, "up")

    def remove(self) -> None:
        """What runs in it is to be ended before."""
        self._private.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _make(self, switch: Switch) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self._outer, "master", switch.name, "up")
        within = ("-netns", self.name)
        _ip(*within, "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip(*within, "link", "set", device, "up")


def _ip(*words: str) -> None:
    run(program("ip", package="iproute2"), *words)
