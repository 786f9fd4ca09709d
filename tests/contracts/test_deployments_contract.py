"""What every ``Deployments`` does: the one on a disk and the one in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.core.deployment import LOCK_FILE
from reconciler.core.interfaces import Deployments
from reconciler.core.project import LOCK_NAME
from reconciler.deployments import DeploymentStore
from reconciler.errors import EngineRefused, NotFound
from tests.simulator.deployments import MemoryDeployments

ONE, TWO = "1" * 64, "2" * 64


def revision(fingerprint: str, *artifacts: bytes, lock: bytes = b"services: {}\n") -> Mapping[str, bytes]:
    """The files of a revision in the order in which they are written."""
    files = {f"files/{hashlib.sha256(item).hexdigest()}/app.conf": item for item in artifacts}
    manifest = json.dumps({"files": sorted(files)}).encode()
    folder = f"revisions/{fingerprint}"
    return {**files, f"{folder}/{LOCK_NAME}": lock, f"{folder}/manifest.json": manifest}


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


class Place:
    """A directory that is not there yet, with the store under test; ``put`` and ``drop`` are a person's."""

    def __init__(self, store: Deployments, directory: str) -> None:
        self.store = store
        self.directory = directory

    def read(self, files: Mapping[str, bytes]) -> dict[str, str]:
        reading = self.store.read(self.directory, tuple(files))
        assert not reading.problem
        return dict(reading.digests)

    @property
    def active(self) -> str:
        return self.store.read(self.directory, ()).active

    def put(self, path: str, content: bytes) -> None:
        if isinstance(self.store, MemoryDeployments):
            self.store.put(self.directory, path, content)
            return
        target = Path(self.directory) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def drop(self, path: str) -> None:
        if isinstance(self.store, MemoryDeployments):
            self.store.drop(self.directory, path)
        else:
            (Path(self.directory) / path).unlink()


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    directory = str(tmp_path / "srv/deep/shop")
    return Place(DeploymentStore() if request.param == "disk" else MemoryDeployments(), directory)


def test_an_absent_directory_reads_as_empty(place: Place) -> None:
    reading = place.store.read(place.directory, ("revisions/x/y",))
    assert (reading.active, dict(reading.digests), reading.problem) == ("", {}, "")


def test_what_was_written_is_read_by_its_digests(place: Place) -> None:
    files = revision(ONE, b"a", b"b")
    assert place.store.write(place.directory, files)
    assert place.read(files) == digests(files)


def test_writing_the_same_again_changes_nothing(place: Place) -> None:
    files = revision(ONE, b"a")
    place.store.write(place.directory, files)
    assert not place.store.write(place.directory, files)


def test_only_what_differs_is_mended(place: Place) -> None:
    files = revision(ONE, b"a")
    place.store.write(place.directory, files)
    place.put(f"revisions/{ONE}/{LOCK_NAME}", b"services: {x: 1}")
    assert place.read(files) != digests(files)
    assert place.store.write(place.directory, files)
    assert place.read(files) == digests(files)


def test_a_missing_file_is_missing_in_the_reading(place: Place) -> None:
    files = revision(ONE, b"a")
    place.store.write(place.directory, files)
    place.drop(f"revisions/{ONE}/manifest.json")
    assert f"revisions/{ONE}/manifest.json" not in place.read(files)


def test_an_edit_of_the_same_size_is_seen(place: Place) -> None:
    files = revision(ONE, b"aaaa")
    place.store.write(place.directory, files)
    place.read(files)
    path = next(iter(files))
    place.put(path, b"bbbb")
    assert place.read(files)[path] == hashlib.sha256(b"bbbb").hexdigest()


def test_a_revision_is_activated_once(place: Place) -> None:
    place.store.write(place.directory, revision(ONE))
    place.store.write(place.directory, revision(TWO))
    assert place.active == ""
    assert place.store.activate(place.directory, ONE)
    assert not place.store.activate(place.directory, ONE)
    assert place.store.activate(place.directory, TWO)
    assert place.active == TWO


@pytest.mark.parametrize("there", [False, True])
def test_a_revision_that_is_not_whole_is_not_activated(place: Place, *, there: bool) -> None:
    if there:
        place.store.write(place.directory, {f"revisions/{ONE}/{LOCK_NAME}": b"x"})
    with pytest.raises(NotFound):
        place.store.activate(place.directory, ONE)
    assert place.active == ""


def test_removing_a_revision_keeps_what_others_need(place: Place) -> None:
    first, second = revision(ONE, b"shared", b"old"), revision(TWO, b"shared", b"new")
    place.store.write(place.directory, first)
    place.store.write(place.directory, second)
    place.store.activate(place.directory, TWO)
    assert place.store.remove_revision(place.directory, ONE)
    assert place.read({**first, **second}) == digests(second)
    assert not place.store.remove_revision(place.directory, ONE)


def test_the_active_revision_is_not_removed(place: Place) -> None:
    files = revision(ONE, b"a")
    place.store.write(place.directory, files)
    place.store.activate(place.directory, ONE)
    with pytest.raises(EngineRefused, match="active"):
        place.store.remove_revision(place.directory, ONE)
    assert place.read(files) == digests(files)


def test_artifacts_stay_while_a_manifest_cannot_be_read(place: Place) -> None:
    first, second = revision(ONE, b"old"), revision(TWO, b"new")
    place.store.write(place.directory, {**first, **second})
    place.put(f"revisions/{TWO}/manifest.json", b"{")
    place.store.remove_revision(place.directory, ONE)
    assert {path for path in place.read({**first, **second}) if path.startswith("files/")} == {
        path for path in {**first, **second} if path.startswith("files/")
    }


def test_removing_a_revision_of_an_absent_directory_does_nothing(place: Place) -> None:
    assert not place.store.remove_revision(place.directory, ONE)
    assert not place.store.remove(place.directory)


def test_everything_of_ours_is_removed(place: Place) -> None:
    files = revision(ONE, b"a")
    place.store.write(place.directory, files)
    place.store.activate(place.directory, ONE)
    place.put(LOCK_FILE, b"")
    assert place.store.remove(place.directory)
    assert (place.active, place.read(files)) == ("", {})
    assert not place.store.remove(place.directory)


def test_what_others_put_there_stays(place: Place) -> None:
    place.store.write(place.directory, revision(ONE, b"a"))
    place.put("notes.txt", b"mine")
    assert place.store.remove(place.directory)
    assert place.read({"notes.txt": b""}) == digests({"notes.txt": b"mine"})
    assert not place.store.remove(place.directory)


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a//b", "a/./b", ""])
def test_a_path_that_leaves_the_directory_is_a_mistake(place: Place, path: str) -> None:
    with pytest.raises(ValueError, match="below"):
        place.store.write(place.directory, {path: b""})
