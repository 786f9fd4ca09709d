"""What every ``Deliveries`` does: the one on a host and the one in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol

import pytest

from reconciler.core.delivery import Delivery, Places, delivered_file, delivered_secret, sealed_variable
from reconciler.core.interfaces import Deliveries
from reconciler.core.secret import Secret
from reconciler.deliveries import DeliveryStore
from reconciler.errors import SecretSealed
from tests.simulator.deliveries import MemoryDeliveries, opened

DOCUMENT = "shop"
FILE = delivered_file("/etc/app.yml", b"level: info\n")
CHANGED = delivered_file("/etc/app.yml", b"level: debug\n")
SECRET = delivered_secret("db", "sealed-one", "/run/secrets/db")
ROTATED = delivered_secret("db", "sealed-two", "/run/secrets/db")
VARIABLE = sealed_variable("token", "sealed-token", "TOKEN")


class Side(Protocol):
    """A store that has delivered nothing yet, and what is done to it by hand."""

    store: Deliveries

    def alter(self, item: Delivery) -> None: ...
    def drop(self, item: Delivery) -> None: ...
    def lose_identity(self) -> None: ...


class Host:
    """The real store, with both folders in memory."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(files=str(folder / "state/files"), secrets=str(folder / "run/owner"))
        self.lost = False
        self.store: Deliveries = DeliveryStore(self.places, self._open, identity=lambda: self.lost)

    def alter(self, item: Delivery) -> None:
        Path(item.path(self.places, DOCUMENT)).write_bytes(b"altered")

    def drop(self, item: Delivery) -> None:
        Path(item.path(self.places, DOCUMENT)).unlink()

    def lose_identity(self) -> None:
        self.lost = True

    def _open(self, sealed: str) -> Secret:
        if self.lost:
            raise SecretSealed("no key opens it")
        return Secret(opened(sealed))


class Memory:
    """The simulated one."""

    def __init__(self) -> None:
        self.memory = MemoryDeliveries(set())
        self.store: Deliveries = self.memory

    def alter(self, item: Delivery) -> None:
        self.memory.alter(item.path(self.memory.places, DOCUMENT))

    def drop(self, item: Delivery) -> None:
        self.memory.drop(item.path(self.memory.places, DOCUMENT))

    def lose_identity(self) -> None:
        self.memory.lost = "no key opens it"


@pytest.fixture(params=["host", "memory"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    if request.param == "memory":
        yield Memory()
        return
    folder = mkdtemp(dir="/dev/shm")
    yield Host(Path(folder))
    shutil.rmtree(folder)


def states(side: Side, *items: Delivery) -> list[str]:
    reading = side.store.read(DOCUMENT, items, ())
    assert not reading.problem
    return [reading.states[item.version] for item in items]


def test_nothing_is_there_at_first(side: Side) -> None:
    reading = side.store.read(DOCUMENT, (FILE, SECRET), (VARIABLE,))
    assert set(reading.states.values()) == {"absent"}
    assert (dict(reading.unopened), reading.stray, reading.problem) == ({}, (), "")
    assert side.store.values(DOCUMENT) == ()


def test_what_was_written_is_current_and_written_once(side: Side) -> None:
    assert side.store.write(DOCUMENT, (FILE, SECRET))
    assert states(side, FILE, SECRET) == ["current", "current"]
    assert not side.store.write(DOCUMENT, (FILE, SECRET))
    assert side.store.values(DOCUMENT) == (Secret(opened("sealed-one")),)


@pytest.mark.parametrize("item", [FILE, SECRET], ids=["file", "secret"])
@pytest.mark.parametrize(("by_hand", "found"), [("alter", "altered"), ("drop", "absent")])
def test_what_was_touched_by_hand_is_seen_and_put_right(
    side: Side, item: Delivery, by_hand: str, found: str
) -> None:
    side.store.write(DOCUMENT, (item,))
    getattr(side, by_hand)(item)
    assert states(side, item) == [found]
    assert side.store.write(DOCUMENT, (item,))
    assert states(side, item) == ["current"]


def test_versions_lie_beside_each_other_until_they_are_collected(side: Side) -> None:
    side.store.write(DOCUMENT, (FILE, SECRET))
    side.store.write(DOCUMENT, (CHANGED, ROTATED))
    assert states(side, FILE, SECRET, CHANGED, ROTATED) == ["current"] * 4
    assert side.store.read(DOCUMENT, (CHANGED,), ()).stray == tuple(
        sorted([FILE.version, SECRET.version, ROTATED.version])
    )
    assert side.store.keep(DOCUMENT, {CHANGED.version, ROTATED.version})
    assert states(side, FILE, SECRET, CHANGED, ROTATED) == ["absent", "absent", "current", "current"]
    assert not side.store.keep(DOCUMENT, {CHANGED.version, ROTATED.version})


def test_another_documents_files_are_left_alone(side: Side) -> None:
    side.store.write(DOCUMENT, (FILE, SECRET))
    side.store.write("other", (FILE, SECRET))
    assert side.store.keep("other", ())
    assert states(side, FILE, SECRET) == ["current", "current"]
    assert side.store.values("other") == ()
    assert not side.store.keep("nobody", ())


def test_a_variable_is_opened_when_it_is_asked_for(side: Side) -> None:
    assert side.store.open((VARIABLE,)) == {"TOKEN": Secret(opened("sealed-token"))}
    assert side.store.open(()) == {}


def test_what_cannot_be_opened_is_told_by_version_and_not_written(side: Side) -> None:
    side.lose_identity()
    reading = side.store.read(DOCUMENT, (FILE, SECRET), (VARIABLE,))
    assert reading.unopened.keys() == {SECRET.version, VARIABLE.version}
    assert all("no key opens it" in why for why in reading.unopened.values())
    for act in (lambda: side.store.write(DOCUMENT, (SECRET,)), lambda: side.store.open((VARIABLE,))):
        with pytest.raises(SecretSealed, match="no key opens it"):
            act()
    assert states(side, SECRET) == ["absent"]
    assert side.store.write(DOCUMENT, (FILE,))


def test_what_is_there_already_needs_no_identity(side: Side) -> None:
    side.store.write(DOCUMENT, (SECRET,))
    side.lose_identity()
    reading = side.store.read(DOCUMENT, (SECRET,), ())
    assert (reading.states, reading.unopened) == ({SECRET.version: "current"}, {})
    assert not side.store.write(DOCUMENT, (SECRET,))
