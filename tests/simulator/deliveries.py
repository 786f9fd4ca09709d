"""What is delivered into containers, in memory: the ``Deliveries`` interface on a simulated host's paths."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.delivery import Delivery, DeliveryState, Places, SealedVariable
from reconciler.core.observation import DeliveryReading
from reconciler.core.secret import Secret
from reconciler.errors import EngineRefused, SecretSealed

PLACES = Places(files="/var/lib/reconciler/files", secrets="/run/reconciler/owner")


@dataclass(frozen=True, slots=True)
class Placed:
    """One file as it lies there."""

    content: bytes
    mode: int
    uid: int
    gid: int


class MemoryDeliveries:
    """``files`` by path are free for tests to look at; ``paths`` are those of the simulated host.

    ``sealed`` says by version why it cannot be opened here, ``lost`` why nothing can; ``problem`` why nothing can
    be delivered at all. ``fail_change`` lets a later change fail; a BaseException plays the controller's death.
    """

    def __init__(self, paths: set[str], places: Places = PLACES) -> None:
        self.places = places
        self.files: dict[str, Placed] = {}
        self.sealed: dict[str, str] = {}
        self.lost = ""
        self.problem = ""
        self.changes = 0
        self.opened: list[str] = []
        self._paths = paths
        self._faults: dict[int, BaseException] = {}

    def read(
        self, document: str, deliveries: Sequence[Delivery], variables: Sequence[SealedVariable]
    ) -> DeliveryReading:
        states = {item.version: self._state(document, item) for item in deliveries}
        needed = [item.version for item in deliveries if item.secret and states[item.version] != "current"]
        why = {version: self._why(version) for version in (*needed, *(item.version for item in variables))}
        return DeliveryReading(
            states=states,
            unopened={version: reason for version, reason in why.items() if reason},
            stray=tuple(sorted({version for version, _ in self._of(document)} - states.keys())),
            problem=self.problem if deliveries else "",
        )

    def write(self, document: str, deliveries: Sequence[Delivery]) -> bool:
        lacking = [item for item in deliveries if self._state(document, item) != "current"]
        for item in lacking:
            if self.problem:
                raise EngineRefused(self.problem)
            content = self._value(item.name, item.version, item.sealed) if item.secret else item.content
            self._change()
            self._put(item.path(self.places, document), Placed(content, item.mode, item.uid, item.gid))
        return bool(lacking)

    def keep(self, document: str, versions: Collection[str]) -> bool:
        gone = [path for version, path in self._of(document) if version not in versions]
        for path in gone:
            self._change()
            self.drop(path)
        return bool(gone)

    def open(self, variables: Sequence[SealedVariable]) -> Mapping[str, Secret]:
        return {item.variable: Secret(self._value(item.name, item.version, item.sealed)) for item in variables}

    def values(self, document: str) -> tuple[Secret, ...]:
        top = f"{self.places.secrets}/{document}/"
        return tuple(Secret(item.content) for path, item in self.files.items() if path.startswith(top))

    # The tests' side.

    def alter(self, path: str, content: bytes = b"altered") -> None:
        """A person changes a file in place."""
        found = self.files[path]
        self.files[path] = Placed(content, found.mode, found.uid, found.gid)

    def drop(self, path: str) -> None:
        """A person removes a file. A container that runs keeps what it has."""
        del self.files[path]
        self._paths.discard(path)

    def reboot(self) -> None:
        """What was in memory is gone."""
        for path in [path for path in self.files if path.startswith(f"{self.places.secrets}/")]:
            self.drop(path)

    def fail_change(self, number: int, error: BaseException) -> None:
        """Let the change ``number`` from now (1: the next) fail before it takes place."""
        self._faults[self.changes + number] = error

    def _put(self, path: str, placed: Placed) -> None:
        self.files[path] = placed
        self._paths.add(path)

    def _state(self, document: str, item: Delivery) -> DeliveryState:
        found = self.files.get(item.path(self.places, document))
        if found is None:
            return "absent"
        content = opened(item.sealed) if item.secret else item.content
        return "current" if found == Placed(content, item.mode, item.uid, item.gid) else "altered"

    def _of(self, document: str) -> Iterator[tuple[str, str]]:
        for root in (self.places.files, self.places.secrets):
            top = f"{root}/{document}/"
            yield from (
                (path.removeprefix(top).split("/")[0], path) for path in self.files if path.startswith(top)
            )

    def _why(self, version: str) -> str:
        return self.sealed.get(version, "") or self.lost

    def _value(self, name: str, version: str, sealed: str) -> bytes:
        if self._why(version):
            raise SecretSealed(f"the secret {name} {self._why(version)}")
        self.opened.append(name)
        return opened(sealed)

    def _change(self) -> None:
        self.changes += 1
        if self.changes in self._faults:
            raise self._faults.pop(self.changes)


def opened(sealed: str) -> bytes:
    """What a ciphertext of the simulation holds."""
    return f"value of {sealed}".encode()
