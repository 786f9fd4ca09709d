"""Files written whole or not at all, files read within bounds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.files import read_bounded, write_atomically
from reconciler.errors import InputError, StateUnwritable


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    before = os.umask(0o027)
    try:
        write_atomically(path, "text\r\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"text\r\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_old_file_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("old")
    path.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    owner = path.stat().st_uid, path.stat().st_gid
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o604
    assert (path.stat().st_uid, path.stat().st_gid) == owner


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("old")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    write_atomically(tmp_path / "link.yaml", "new")
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "new"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable, match=r"could not write .*: No such file or directory"):
        write_atomically(tmp_path / "no" / "x", "")


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(StateUnwritable, match="is not a regular file"):
        write_atomically(tmp_path / "x", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("content", "message"), [(b"x" * 11, "larger than 10 bytes"), (b"\xff", "is not UTF-8"), (None, "cannot read")]
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_bounded(path, limit=10)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x" * 10)
    assert read_bounded(tmp_path / "x", limit=10) == "x" * 10


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    """A folder, and a process without root's powers over it."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        if user == 0:
            os.chown(name, 65534, -1)
            os.seteuid(65534)
        yield Path(name)
        os.seteuid(user)


def test_a_file_that_is_write_protected_stays_as_it_is(ordinary_folder: Path) -> None:
    (ordinary_folder / "x").write_text("old")
    (ordinary_folder / "x").chmod(0o444)
    with pytest.raises(InputError, match="is not writable"):
        write_atomically(ordinary_folder / "x", "new")
    assert (ordinary_folder / "x").read_text() == "old"


def test_an_ordinary_user_may_write(ordinary_folder: Path) -> None:
    (ordinary_folder / "x").write_text("old")
    write_atomically(ordinary_folder / "x", "new")
    assert (ordinary_folder / "x").read_text() == "new"
