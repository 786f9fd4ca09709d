"""Several files that get their content as one, on a real disk."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.agent.file_set import FileSet, Wanted, below
from reconciler.errors import EngineRefused, StateUnwritable

NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "f/g/h"])


def wanted(path: str, content: bytes, mode: int = 0o640) -> Wanted:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Wanted(path=path, sha256=digest, size_bytes=len(content), mode=mode)


def put(target: FileSet, contents: dict[str, bytes], mode: int = 0o640) -> tuple[str, ...]:
    """What was written of it."""
    files = {wanted(path, content, mode): BytesIO(content) for path, content in contents.items()}
    differing = target.differing(files)
    target.put({file: files[file] for file in differing})
    return tuple(file.path for file in differing)


def found(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@given(before=st.dictionaries(NAMES, st.binary(max_size=64)), after=st.dictionaries(NAMES, st.binary(max_size=64)))
def test_what_is_put_is_there_and_putting_it_again_writes_nothing(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("uploads")
    target = FileSet(str(root), ("in",))
    put(target, before)
    put(target, after)
    assert put(target, after) == ()
    assert found(root) == {f"in/{path}": content for path, content in {**before, **after}.items()}


def test_modes_are_set_whatever_the_umask_and_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    target = FileSet(str(tmp_path), ())
    put(target, {"a": b"one"}, mode=0o751)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o751
    assert put(target, {"a": b"one"}, mode=0o600) == ("a",)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    if os.geteuid() == 0:
        os.chown(tmp_path / "a", 1234, 1234)
        put(target, {"a": b"two"})
        assert ((tmp_path / "a").stat().st_uid, (tmp_path / "a").stat().st_gid) == (1234, 1234)


def test_where_one_cannot_be_put_in_its_place_none_is_and_nothing_is_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FileSet(str(tmp_path), ("in",))
    put(target, {"a": b"old"})
    replace, seen = os.replace, []

    def fails_once(source: str, name: str, **folders: int) -> None:
        seen.append(name)
        if name == "c":
            raise OSError(errno.EIO, "Input/output error")
        replace(source, name, **folders)

    monkeypatch.setattr(os, "replace", fails_once)
    with pytest.raises(StateUnwritable, match="input/output error"):
        put(target, {"a": b"new", "new/b": b"new", "c": b"new"})
    assert seen == ["a", "b", "c", "a"]
    assert found(tmp_path) == {"in/a": b"old"}
    assert not (tmp_path / "in/new").exists()


@pytest.mark.parametrize(
    "strange", ["link", "folder", "pipe", "file in the place of a folder", "link to a folder"]
)
def test_what_is_in_the_way_is_refused_and_no_link_is_followed(tmp_path: Path, strange: str) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(b"theirs")
    place = root / "in"
    match strange:
        case "link":
            place.symlink_to(elsewhere / "file")
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "link to a folder":
            place.symlink_to(elsewhere)
        case _:
            place.write_bytes(b"theirs")
    path = "in/file" if "folder" in strange and strange != "folder" else "in"
    target, file = FileSet(str(root), ()), wanted(path, b"ours")
    with pytest.raises(EngineRefused):
        target.differing([file])
    with pytest.raises((EngineRefused, StateUnwritable)):
        target.put({file: BytesIO(b"ours")})
    assert found(elsewhere) == {"file": b"theirs"}
    assert [item.name for item in root.iterdir()] == ["in"]


def test_what_a_kill_has_left_behind_goes_with_the_next_look(tmp_path: Path) -> None:
    target = FileSet(str(tmp_path), ())
    put(target, {"a": b"new"})
    left = tmp_path / f".a.{'0' * 16}.tmp"
    left.write_bytes(b"old")
    (tmp_path / ".b.tmp").write_bytes(b"somebody else's")
    assert put(target, {"a": b"new"}) == ()
    assert sorted(found(tmp_path)) == [".b.tmp", "a"]


def test_a_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="of uploadRoots is not there"):
        FileSet(str(tmp_path / "nowhere"), ()).differing([wanted("a", b"")])


def test_the_parts_below_a_root() -> None:
    assert below("/srv/app/conf.d", "/srv/app") == ("conf.d",)
    assert below("/srv/app", "/srv/app") == ()
