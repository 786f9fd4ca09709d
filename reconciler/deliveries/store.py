"""DeliveryStore: reads, writes, collects and opens what is delivered. How one file is looked at is in ``finding``,
how it is written in ``placing``.

One writer at a time for a document (the controller's).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.core.delivery import Delivery, DeliveryState, Places, SealedVariable
from reconciler.core.observation import DeliveryReading
from reconciler.core.secret import Secret
from reconciler.deliveries.finding import LARGEST, Finder, is_version
from reconciler.deliveries.in_memory import InMemory
from reconciler.deliveries.opening import Opening
from reconciler.deliveries.placing import place
from reconciler.errors import EngineRefused, StateUnwritable
from reconciler.folders import READ, clear_interrupted, discard, names_in, opened, translated, unless_filled

ELSEWHERE = "files and secrets are mounted from the engine's host, and the engine is not on this one"
HOW_IN_MEMORY = (
    "choose a folder on a tmpfs for --secrets-dir, or mount one there: mount -t tmpfs -o mode=0700 tmpfs DIR"
)
NOTHING = DeliveryReading()
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class DeliveryStore:
    """``local``: the engine is on this host, so that it can mount what we write. ``identity`` tells another mark
    when the keys behind ``open_sealed`` are others; without it they are taken to stay the same.
    """

    def __init__(
        self,
        places: Places,
        open_sealed: Callable[[str], Secret],
        *,
        local: bool = True,
        identity: Callable[[], Hashable] = tuple,
        in_memory: InMemory | None = None,
    ) -> None:
        self._places = places
        self._local = local
        self._in_memory = in_memory or InMemory()
        self.opening = Opening(open_sealed, identity)
        self.finder = Finder(self.opening)

    def read(
        self, document: str, deliveries: Sequence[Delivery], variables: Sequence[SealedVariable]
    ) -> DeliveryReading:
        """Never raises: what went wrong is in the reading."""
        if not deliveries and not variables and not self.finder.anything(self._roots, document):
            return NOTHING
        states: dict[str, DeliveryState] = {}
        try:
            states = {item.version: self._state(document, item) for item in deliveries}
            there = frozenset[str]().union(*(self.finder.versions(root, document) for root in self._roots))
        except OSError as error:
            told = f"could not read {error.filename or document}: {(error.strerror or str(error)).lower()}"
            return DeliveryReading(states=states, problem=told)
        return DeliveryReading(
            states=states,
            unopened=dict(self._unopened(deliveries, variables, states)),
            stray=tuple(sorted(there - states.keys())),
            problem="" if self._local or not deliveries else ELSEWHERE,
        )

    def write(self, document: str, deliveries: Sequence[Delivery]) -> bool:
        written = [self._write(document, item) for item in deliveries]
        return any(written)

    def keep(self, document: str, versions: Collection[str]) -> bool:
        gone = [_collect(root, document, versions) for root in self._roots]
        self.finder.forget(document)
        return any(gone)

    def open(self, variables: Sequence[SealedVariable]) -> Mapping[str, Secret]:
        return {item.variable: self.opening.value(item) for item in variables}

    def values(self, document: str) -> tuple[Secret, ...]:
        with translated(f"reading the secrets of {document}"):
            return tuple(map(Secret, _contents(self._places.secrets, document)))

    @property
    def _roots(self) -> tuple[str, str]:
        return self._places.files, self._places.secrets

    def _root(self, item: Delivery) -> str:
        return self._places.secrets if item.secret else self._places.files

    def _state(self, document: str, item: Delivery) -> DeliveryState:
        return self.finder.state(self._root(item), document, item)

    def _unopened(
        self,
        deliveries: Sequence[Delivery],
        variables: Sequence[SealedVariable],
        states: Mapping[str, DeliveryState],
    ) -> Iterator[tuple[str, str]]:
        """What is current is not opened: it was. Everything else has to be before it is needed."""
        for item in deliveries:
            if item.secret and states[item.version] != "current":
                trouble = self._in_memory.trouble(self._places.secrets)
                why = f"{trouble} ({HOW_IN_MEMORY})" if trouble else self.opening.why_not(item)
                if why:
                    yield item.version, why
        for variable in variables:
            if why := self.opening.why_not(variable):
                yield variable.version, why

    def _write(self, document: str, item: Delivery) -> bool:
        root = self._root(item)
        _refuse_strange_names(document, item)
        with translated(f"delivering {item.name} of {document}"):
            if self._state(document, item) == "current":
                return False
            place(root, document, item, self._content(item))
            if self._state(document, item) != "current":
                raise StateUnwritable(
                    f"{item.name} of {document} was written, but does not read back the same",
                    hint=f"look whether something else writes below {root}",
                )
        return True

    def _content(self, item: Delivery) -> bytes:
        if not self._local:
            raise EngineRefused(ELSEWHERE, hint="run a controller on the engine's host")
        if not item.secret:
            return item.content
        if trouble := self._in_memory.trouble(self._places.secrets):
            raise EngineRefused(f"secret {item.name} is not written: {trouble}", hint=HOW_IN_MEMORY)
        return self.opening.value(item).reveal()


def _refuse_strange_names(document: str, item: Delivery) -> None:
    """Raises ValueError for what would lie elsewhere: a mistake of the caller's."""
    if not _LABEL.fullmatch(document) or not is_version(item.version):
        raise ValueError(f"not a delivery of a document: {document!r}, {item.version!r}")
    if item.file_name in {"", ".", ".."} or {"/", "\0"} & set(item.file_name):
        raise ValueError(f"not the name of a file: {item.file_name!r}")


def _collect(root: str, document: str, versions: Collection[str]) -> bool:
    """Remove all of a document but these. What others put there stays, and so does the folder then."""
    with translated(f"removing what was delivered for {document}"):
        try:
            with opened(root) as top, opened(root, document) as folder:
                clear_interrupted(folder)
                found = filter(is_version, names_in(folder))
                gone = [discard(folder, name) for name in found if name not in versions]
                with unless_filled():
                    os.rmdir(document, dir_fd=top)
                    os.fsync(top)
        except FileNotFoundError:
            return False
    return any(gone)


def _contents(root: str, document: str) -> Iterator[bytes]:
    for version in Path(root, document).glob("*"):
        with opened(root, document, version.name) as folder:
            for name in names_in(folder):
                with os.fdopen(os.open(name, READ, dir_fd=folder), "rb") as file:
                    yield file.read(LARGEST)
