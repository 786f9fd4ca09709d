"""The store of deliveries on a real host: modes, links, what is in memory, and what is not looked at again."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from reconciler import unchanged
from reconciler.core.delivery import Delivery, Places, delivered_file, delivered_secret, sealed_variable
from reconciler.core.secret import Secret
from reconciler.deliveries import DeliveryStore
from reconciler.deliveries.in_memory import InMemory
from reconciler.errors import EngineRefused, SecretSealed, StateUnwritable

DOCUMENT = "shop"
FILE = delivered_file("/etc/app.yml", b"level: info\n", mode=0o640, uid=7, gid=8)
SECRET = delivered_secret("db", "sealed", "/run/secrets/db", mode=0o400, uid=999)
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")


class Host:
    """A store with folders of its own; ``values`` by ciphertext."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(files=str(folder / "state/files"), secrets=str(folder / "run/owner"))
        self.values = {"sealed": b"hunter2"}
        self.identity = 0
        self.store = self.restarted()

    def restarted(self, *, local: bool = True, in_memory: InMemory | None = None) -> DeliveryStore:
        return DeliveryStore(
            self.places, self._open, local=local, identity=lambda: self.identity, in_memory=in_memory
        )

    def path(self, item: Delivery) -> Path:
        return Path(item.path(self.places, DOCUMENT))

    def state(self, item: Delivery) -> str:
        return self.store.read(DOCUMENT, (item,), ()).states[item.version]

    def _open(self, sealed: str) -> Secret:
        if sealed not in self.values:
            raise SecretSealed("no key opens it", hint="make one")
        return Secret(self.values[sealed])


@pytest.fixture
def host() -> Iterator[Host]:
    folder = mkdtemp(dir="/dev/shm")
    yield Host(Path(folder))
    shutil.rmtree(folder)


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled as soon as they are written."""
    monkeypatch.setattr(unchanged, "SETTLED_NS", 0)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@NEEDS_ROOT
def test_files_have_their_mode_and_owner_and_folders_are_private(host: Host) -> None:
    host.store.write(DOCUMENT, (FILE, SECRET))
    for item in (FILE, SECRET):
        path = host.path(item)
        found = path.stat()
        assert (mode_of(path), found.st_uid, found.st_gid) == (item.mode, item.uid, item.gid)
        assert [mode_of(folder) for folder in list(path.parents)[:4]] == [0o700] * 4
    assert host.path(SECRET).read_bytes() == b"hunter2"


@NEEDS_ROOT
@pytest.mark.parametrize("change", ["content", "longer", "mode", "owner"])
@pytest.mark.parametrize("item", [FILE, SECRET], ids=["file", "secret"])
def test_what_was_altered_is_put_right_on_the_same_inode(host: Host, item: Delivery, change: str) -> None:
    host.store.write(DOCUMENT, (item,))
    path = host.path(item)
    before, content = path.stat(), path.read_bytes()
    if change in {"content", "longer"}:
        path.write_bytes(b"x" * (len(content) if change == "content" else 10_000))
    elif change == "mode":
        path.chmod(0o666)
    else:
        os.chown(path, 1, 1)
    assert host.state(item) == "altered"
    assert host.store.write(DOCUMENT, (item,))
    after = path.stat()
    assert (after.st_ino, path.read_bytes()) == (before.st_ino, content)
    assert (mode_of(path), after.st_uid, after.st_gid) == (item.mode, item.uid, item.gid)


@NEEDS_ROOT
def test_a_quiet_look_neither_reads_nor_opens(host: Host, at_rest: None) -> None:
    variable = sealed_variable("token", "sealed", "TOKEN")
    host.store.write(DOCUMENT, (FILE, SECRET))
    host.store.read(DOCUMENT, (FILE, SECRET), (variable,))
    before = (host.store.finder.read, host.store.opening.opened)
    for _ in range(3):
        host.store.read(DOCUMENT, (FILE, SECRET), (variable,))
    assert (host.store.finder.read, host.store.opening.opened) == before


@NEEDS_ROOT
def test_what_could_not_be_opened_is_tried_again_with_another_identity(host: Host) -> None:
    value = host.values.pop("sealed")
    for _ in range(2):
        assert host.store.read(DOCUMENT, (SECRET,), ()).unopened == {SECRET.version: "no key opens it (make one)"}
    host.values["sealed"] = value
    assert host.store.read(DOCUMENT, (SECRET,), ()).unopened
    host.identity = 1
    assert not host.store.read(DOCUMENT, (SECRET,), ()).unopened
    assert host.store.write(DOCUMENT, (SECRET,))


@NEEDS_ROOT
def test_a_restarted_controller_without_its_identity_leaves_what_it_cannot_check(host: Host) -> None:
    host.store.write(DOCUMENT, (SECRET,))
    host.path(SECRET).write_bytes(b"altered")
    value = host.values.pop("sealed")
    host.store = host.restarted()
    assert host.state(SECRET) == "current"
    host.values["sealed"], host.identity = value, 1
    assert host.state(SECRET) == "altered"


@pytest.mark.parametrize("name", ["é" * 127, "x" * 255], ids=["two bytes each", "one byte each"])
def test_the_longest_name_that_a_document_may_have_can_be_written(host: Host, name: str) -> None:
    file = delivered_file(f"/etc/{name}", b"x")
    assert host.store.write(DOCUMENT, (file,))
    assert host.path(file).read_bytes() == b"x"


def test_a_secret_that_is_no_text_is_no_variable(host: Host) -> None:
    host.values |= {"binary": b"\xff\xfe", "nul": b"a\0b"}
    for sealed in ("binary", "nul"):
        item = sealed_variable("token", sealed, "TOKEN")
        assert "it is no text" in host.store.read(DOCUMENT, (), (item,)).unopened[item.version]
        with pytest.raises(SecretSealed, match="secret token: cannot be a variable"):
            host.store.open((item,))


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["file", "version", "document"])
def test_a_link_in_the_way_is_refused_and_left(host: Host, tmp_path: Path, depth: int) -> None:
    own = delivered_file("/etc/own", b"content")
    path = host.path(own)
    way = [path, *path.parents][depth]
    way.parent.mkdir(parents=True, mode=0o700)
    (tmp_path / "else").mkdir()
    way.symlink_to(tmp_path / "else")
    assert host.state(own) == "altered"
    with pytest.raises(EngineRefused, match=r"in the way|no regular file"):
        host.store.write(DOCUMENT, (own,))
    assert way.is_symlink()
    assert list((tmp_path / "else").iterdir()) == []


def test_a_pipe_in_the_place_of_a_file_is_refused_without_waiting(host: Host) -> None:
    own = delivered_file("/etc/own", b"content")
    host.path(own).parent.mkdir(parents=True, mode=0o700)
    os.mkfifo(host.path(own))
    assert host.state(own) == "altered"
    with pytest.raises(EngineRefused, match="no regular file"):
        host.store.write(DOCUMENT, (own,))


@NEEDS_ROOT
def test_a_folder_of_somebody_elses_gets_nothing(host: Host) -> None:
    top = Path(host.places.secrets)
    top.mkdir(parents=True)
    os.chown(top, 1, 1)
    with pytest.raises(EngineRefused, match="belongs to user 1"):
        host.store.write(DOCUMENT, (SECRET,))
    assert list(top.iterdir()) == []


def test_an_ordinary_user_gives_files_to_nobody_else(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    for owner in ({"uid": 999}, {"gid": 998}):
        theirs = delivered_file("/etc/theirs", b"content", **owner)
        with pytest.raises(EngineRefused, match="only root can give a file to them"):
            host.store.write(DOCUMENT, (theirs,))
    assert not Path(host.places.files).exists()


@NEEDS_ROOT
def test_a_folder_that_was_opened_by_hand_is_closed_again(host: Host) -> None:
    host.store.write(DOCUMENT, (SECRET,))
    folder = host.path(SECRET).parent
    folder.chmod(0o755)
    host.path(SECRET).unlink()
    host.store.write(DOCUMENT, (SECRET,))
    assert mode_of(folder) == 0o700


def test_a_secret_is_never_written_to_a_disk(host: Host, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    device = Path("/dev/shm").stat().st_dev
    mounts.write_text(f"1 0 {os.major(device)}:{os.minor(device)} / /dev/shm rw - ext4 /dev/sda rw\n")
    host.store = host.restarted(in_memory=InMemory(mounts))
    why = host.store.read(DOCUMENT, (SECRET,), ()).unopened[SECRET.version]
    assert "is not in memory but on ext4" in why
    assert "--secrets-dir" in why
    with pytest.raises(EngineRefused, match="secret db is not written"):
        host.store.write(DOCUMENT, (SECRET,))
    assert not Path(host.places.secrets).exists()


def test_what_lies_in_memory_is_told_by_the_kernels_list(tmp_path: Path) -> None:
    assert InMemory().trouble("/dev/shm/not/there/yet") == ""
    assert "is not in memory but on proc" in InMemory().trouble("/proc/self")
    empty = tmp_path / "mountinfo"
    empty.touch()
    assert "an unknown file system" in InMemory(empty).trouble("/dev/shm")
    assert "cannot be looked at" in InMemory(tmp_path / "none").trouble("/dev/shm")


def test_nothing_is_delivered_for_an_engine_elsewhere(host: Host) -> None:
    store = host.restarted(local=False)
    assert store.read(DOCUMENT, (), ()).problem == ""
    assert "not on this one" in store.read(DOCUMENT, (FILE,), ()).problem
    with pytest.raises(EngineRefused, match="not on this one"):
        store.write(DOCUMENT, (FILE,))


@pytest.mark.parametrize("document", ["", "..", "a/b", "Shop", "-x"])
def test_a_name_that_is_no_label_is_a_mistake(host: Host, document: str) -> None:
    with pytest.raises(ValueError, match="not a delivery of a document"):
        host.store.write(document, (FILE,))


@pytest.mark.parametrize("name", ["..", "a/b", ""])
def test_a_secret_whose_name_is_no_file_name_is_a_mistake(host: Host, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a file"):
        host.store.write(DOCUMENT, (delivered_secret(name, "sealed", ""),))


def test_what_others_put_there_stays(host: Host) -> None:
    own = delivered_file("/etc/own", b"content")
    host.store.write(DOCUMENT, (own,))
    notes = host.path(own).parent.parent / "notes.txt"
    notes.write_text("mine")
    assert host.store.keep(DOCUMENT, ())
    assert notes.read_text() == "mine"
    notes.unlink()
    host.store.keep(DOCUMENT, ())
    assert not notes.parent.exists()


def test_what_cannot_be_read_is_told(host: Host) -> None:
    Path(host.places.files).parent.mkdir(parents=True)
    Path(host.places.files).write_text("a file")
    reading = host.store.read(DOCUMENT, (), ())
    assert "could not read" in reading.problem
    with pytest.raises((EngineRefused, StateUnwritable)):
        host.store.write(DOCUMENT, (delivered_file("/etc/own", b"content"),))
