"""The disk's side of deployment directories: links, modes, deaths in the middle, and what is not read again."""

from __future__ import annotations

import builtins
import errno
import fcntl
import hashlib
import io
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import docker
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import folders
from reconciler.core.deployment import LOCK_FILE
from reconciler.deployments import DeploymentStore
from reconciler.deployments.reading import LARGEST, Reader
from reconciler.errors import EngineRefused, StateUnwritable
from tests.contracts.test_deployments_contract import ONE, TWO, digests, revision
from tests.parts.standard_images import StandardImages


class Dead(BaseException):
    """Plays the sudden death of the process: from then on it does nothing any more."""


class Death:
    """Strikes at the n-th step on files, and at each after it.

    Not by an audit hook: that stays for good, and while one written in Python runs, CPython before 3.12 refuses a
    trace function to a thread that begins just then, as coverage gives one to each.
    """

    STEPS: tuple[tuple[ModuleType, str], ...] = (
        (builtins, "open"),
        (io, "open"),
        *((os, name) for name in ("open", "mkdir", "rename", "replace", "remove", "unlink", "rmdir", "symlink")),
        *((os, name) for name in ("chmod", "fchmod")),
    )

    def __init__(self) -> None:
        self.left = 0
        self.steps = 0

    @contextmanager
    def at(self, step: int) -> Iterator[None]:
        self.left, self.steps = step, 0
        with pytest.MonkeyPatch.context() as patch:
            for module, name in self.STEPS:
                patch.setattr(module, name, self._counted(getattr(module, name)))
            yield

    def _counted(self, carried_out: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            self.steps += 1
            self.left -= 1
            if self.left < 0:
                raise Dead
            return carried_out(*args, **options)

        return step


DEATH = Death()
FIRST = revision(ONE, b"shared", b"old", lock=b"services: {old: 1}\n")
SECOND = revision(TWO, b"shared", b"new", lock=b"services: {new: 1}\n")
REWRITTEN = revision(ONE, b"shared", b"old", lock=b"services: {rewritten: 1}\n")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "shop"


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Whether it died before it was done."""
    try:
        with DEATH.at(step):
            act()
    except Dead:
        return True
    return False


@given(step=st.integers(0, 80))
@settings(max_examples=80)
def test_a_write_that_is_killed_leaves_each_file_old_or_new(step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/shop"
        DeploymentStore().write(place, FIRST)
        killed_at(step, lambda: DeploymentStore().write(place, REWRITTEN))
        found = DeploymentStore().read(place, tuple(FIRST)).digests
        assert all(found[path] in {digests(FIRST)[path], digests(REWRITTEN)[path]} for path in FIRST)
        DeploymentStore().write(place, REWRITTEN)
        assert DeploymentStore().read(place, tuple(REWRITTEN)).digests == digests(REWRITTEN)
        assert leftovers(place) == []


@given(step=st.integers(0, 80))
@settings(max_examples=80)
def test_the_manifest_is_there_only_when_all_else_is(step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/shop"
        killed_at(step, lambda: DeploymentStore().write(place, SECOND))
        found = DeploymentStore().read(place, tuple(SECOND)).digests
        if f"revisions/{TWO}/manifest.json" in found:
            assert found == digests(SECOND)
        DeploymentStore().write(place, SECOND)
        assert DeploymentStore().read(place, tuple(SECOND)).digests == digests(SECOND)
        assert leftovers(place) == []


@given(step=st.integers(0, 20))
@settings(max_examples=21)
def test_a_switch_that_is_killed_points_to_the_old_revision_or_the_new(step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/shop"
        DeploymentStore().write(place, {**FIRST, **SECOND})
        DeploymentStore().activate(place, ONE)
        died = killed_at(step, lambda: DeploymentStore().activate(place, TWO))
        active = DeploymentStore().read(place, ()).active
        assert active in ({ONE, TWO} if died else {TWO})
        DeploymentStore().activate(place, TWO)
        assert DeploymentStore().read(place, ()).active == TWO


@given(step=st.integers(0, 60))
@settings(max_examples=61)
def test_a_removal_that_is_killed_leaves_a_revision_whole_or_gone(step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/shop"
        DeploymentStore().write(place, {**FIRST, **SECOND})
        DeploymentStore().activate(place, TWO)
        killed_at(step, lambda: DeploymentStore().remove_revision(place, ONE))
        of_it = {path: digest for path, digest in digests(FIRST).items() if path.startswith("revisions/")}
        assert DeploymentStore().read(place, tuple(of_it)).digests in ({}, of_it)
        assert DeploymentStore().read(place, tuple(SECOND)).digests == digests(SECOND)
        DeploymentStore().remove_revision(place, ONE)
        assert DeploymentStore().read(place, tuple({**FIRST, **SECOND})).digests == digests(SECOND)
        assert leftovers(place) == []


def test_deaths_strike_in_the_middle(directory: Path) -> None:
    with DEATH.at(10_000):
        DeploymentStore().write(str(directory), SECOND)
    assert 10 < DEATH.steps < 80


def leftovers(place: str) -> list[str]:
    return [path.name for path in Path(place).rglob(".*") if path.name != LOCK_FILE]


def test_others_of_the_host_see_no_content(directory: Path) -> None:
    DeploymentStore().write(str(directory), FIRST)
    modes = {path: stat.S_IMODE((directory / path).stat().st_mode) for path in ("", "files", "revisions", *FIRST)}
    assert (modes[""], modes["files"], modes["revisions"]) == (0o755, 0o700, 0o700)
    assert {mode for path, mode in modes.items() if path.startswith("files/")} == {0o644}
    assert {mode for path, mode in modes.items() if path.startswith("revisions/")} == {0o600}


def test_folders_that_were_opened_by_hand_are_closed_again(directory: Path) -> None:
    (directory / "files").mkdir(parents=True, mode=0o755)
    DeploymentStore().write(str(directory), FIRST)
    assert stat.S_IMODE((directory / "files").stat().st_mode) == 0o700


@pytest.mark.parametrize("folder", ["files", "revisions"])
def test_a_folder_of_somebody_elses_is_neither_closed_nor_written_to(directory: Path, folder: str) -> None:
    (directory / folder / "uploads").mkdir(parents=True)
    (directory / folder).chmod(0o755)
    with pytest.raises(EngineRefused, match=f"folder {folder} .* somebody else's uploads"):
        DeploymentStore().write(str(directory), FIRST)
    assert stat.S_IMODE((directory / folder).stat().st_mode) == 0o755
    assert [path.name for path in (directory / folder).iterdir()] == ["uploads"]


@pytest.mark.parametrize("folder", ["files", "revisions"])
def test_what_others_put_beside_ours_outlives_every_removal(directory: Path, folder: str) -> None:
    store = DeploymentStore()
    store.write(str(directory), FIRST)
    store.write(str(directory), SECOND)
    store.activate(str(directory), TWO)
    kept = directory / folder / "uploads" / "cat.jpg"
    kept.parent.mkdir()
    kept.write_text("a cat")
    (directory / folder / "note.txt").write_text("a note")
    assert store.remove_revision(str(directory), ONE)
    assert not (directory / "revisions" / ONE).exists()
    assert len(list((directory / "files").glob("?" * 64))) == len([path for path in SECOND if "files/" in path])
    assert store.remove(str(directory))
    assert kept.read_text() == "a cat"
    assert sorted(path.name for path in directory.iterdir()) == [folder]
    assert sorted(path.name for path in (directory / folder).iterdir()) == ["note.txt", "uploads"]


@pytest.mark.parametrize("name", ["current", "files", "revisions"])
def test_a_file_in_the_place_of_a_folder_is_not_removed(directory: Path, name: str) -> None:
    directory.mkdir()
    (directory / name).write_text("a person's")
    assert not DeploymentStore().remove(str(directory))
    assert (directory / name).read_text() == "a person's"


@pytest.mark.parametrize("name", ["files", "revisions"])
def test_a_link_in_the_place_of_a_folder_leads_no_removal_elsewhere(
    directory: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "elsewhere" / ONE).mkdir(parents=True)
    directory.mkdir()
    (directory / name).symlink_to(tmp_path / "elsewhere")
    assert not DeploymentStore().remove(str(directory))
    assert (tmp_path / "elsewhere" / ONE).is_dir()


@pytest.mark.parametrize("below", ["files", "revisions", f"revisions/{ONE}"])
def test_links_below_the_directory_are_not_followed(directory: Path, tmp_path: Path, below: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (directory / below).parent.mkdir(parents=True)
    (directory / below).symlink_to(elsewhere)
    with pytest.raises(EngineRefused, match="in the way"):
        DeploymentStore().write(str(directory), FIRST)
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_neither_read_nor_replaced(directory: Path, tmp_path: Path) -> None:
    path = f"revisions/{ONE}/manifest.json"
    DeploymentStore().write(str(directory), FIRST)
    (tmp_path / "other").write_bytes(FIRST[path])
    (directory / path).unlink()
    (directory / path).symlink_to(tmp_path / "other")
    assert path not in DeploymentStore().read(str(directory), tuple(FIRST)).digests
    with pytest.raises(EngineRefused, match="no regular file"):
        DeploymentStore().write(str(directory), FIRST)


def test_a_pipe_in_the_place_of_a_file_blocks_nobody(directory: Path) -> None:
    path = f"revisions/{ONE}/manifest.json"
    (directory / path).parent.mkdir(parents=True)
    os.mkfifo(directory / path)
    assert DeploymentStore().read(str(directory), (path,)).digests == {}
    with pytest.raises(EngineRefused):
        DeploymentStore().write(str(directory), FIRST)


def test_a_folder_called_current_is_not_replaced(directory: Path) -> None:
    DeploymentStore().write(str(directory), FIRST)
    (directory / "current").mkdir()
    with pytest.raises(EngineRefused, match="no link"):
        DeploymentStore().activate(str(directory), ONE)


@pytest.mark.parametrize("goal", ["/etc", "revisions/", "revisions/a/b", "elsewhere"])
def test_a_strange_link_called_current_is_no_revision_and_is_pointed_anew(directory: Path, goal: str) -> None:
    DeploymentStore().write(str(directory), FIRST)
    (directory / "current").symlink_to(goal)
    assert DeploymentStore().read(str(directory), ()).active == ""
    assert DeploymentStore().activate(str(directory), ONE)
    assert str((directory / "current").readlink()) == f"revisions/{ONE}"


def test_what_is_no_directory_is_a_problem_of_the_reading(directory: Path) -> None:
    directory.write_text("a file")
    assert "not a directory" in DeploymentStore().read(str(directory), ("x",)).problem
    with pytest.raises(EngineRefused):
        DeploymentStore().write(str(directory), FIRST)


def test_a_file_that_is_too_large_to_be_ours_is_not_read(directory: Path) -> None:
    directory.mkdir()
    with (directory / "large").open("wb") as file:
        file.truncate(LARGEST + 1)
    assert DeploymentStore().read(str(directory), ("large",)).digests == {}


def test_unchanged_files_are_not_read_again(directory: Path) -> None:
    DeploymentStore().write(str(directory), FIRST)
    reader = Reader()
    age(directory, FIRST)
    for _ in range(3):
        assert reader.read(str(directory), tuple(FIRST)).digests == digests(FIRST)
    assert reader.hashed == len(FIRST)


def test_files_that_changed_just_now_are_read_again(directory: Path) -> None:
    DeploymentStore().write(str(directory), FIRST)
    reader = Reader()
    for _ in range(2):
        reader.read(str(directory), tuple(FIRST))
    assert reader.hashed == 2 * len(FIRST)


def test_an_edit_of_equal_size_is_seen_although_its_time_was_set_back(directory: Path) -> None:
    DeploymentStore().write(str(directory), FIRST)
    age(directory, FIRST)
    reader = Reader()
    path = next(iter(FIRST))
    reader.read(str(directory), (path,))
    before = (directory / path).stat()
    other = b"x" * before.st_size
    (directory / path).write_bytes(other)
    os.utime(directory / path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reader.read(str(directory), (path,)).digests[path] == hashlib.sha256(other).hexdigest()


def age(directory: Path, files: object) -> None:
    """Wait until the files are old enough to be remembered."""
    time.sleep(2.05)


def test_nothing_is_removed_while_compose_is_at_work(directory: Path) -> None:
    store = DeploymentStore()
    store.write(str(directory), FIRST)
    with (directory / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StateUnwritable, match="at work"):
            store.remove(str(directory))
    assert store.read(str(directory), tuple(FIRST)).digests == digests(FIRST)
    assert store.remove(str(directory))
    assert not directory.exists()


def test_a_link_called_current_is_removed_and_not_what_it_points_to(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("x")
    directory.mkdir()
    (directory / "current").symlink_to(tmp_path / "elsewhere")
    (directory / "files").symlink_to(tmp_path / "elsewhere")
    assert DeploymentStore().remove(str(directory))
    assert (tmp_path / "elsewhere/file").read_text() == "x"


def test_a_full_disk_is_told_with_what_to_do() -> None:
    with pytest.raises(StateUnwritable, match="free some space"), folders.translated("writing x"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_container_of_an_ordinary_user_reads_a_mounted_file(
    directory: Path, images: StandardImages, sdk: docker.APIClient, prefix: str
) -> None:
    DeploymentStore().write(str(directory), FIRST)
    source = directory / next(path for path in FIRST if path.startswith("files/"))
    sdk.pull(images.plain.reference)
    made = sdk.create_container(
        images.plain.reference,
        name=f"{prefix}-reader",
        command=["cat", "/app.conf"],
        user="1000:1000",
        host_config=sdk.create_host_config(binds=[f"{source}:/app.conf:ro"]),
    )
    sdk.start(made["Id"])
    assert sdk.wait(made["Id"])["StatusCode"] == 0
    assert sdk.logs(made["Id"]) == source.read_bytes()
