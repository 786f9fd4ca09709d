from __future__ import annotations

import os
import socket
from contextlib import nullcontext
from pathlib import Path

import pytest

from reconciler.sources import scan
from reconciler.sources.scan import list_folder


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def test_yaml_files_of_all_sub_folders_are_listed_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "sub/deep/c.yaml", "folder.yaml/d.yaml", "notes.txt", "x.yaml.tmp", "x.json"):
        touch(tmp_path / name)
    listing = list_folder(tmp_path)
    assert sorted(listing.files) == ["a.yml", "b.yaml", "folder.yaml/d.yaml", "sub/deep/c.yaml"]
    assert listing.problems == ()


def test_hidden_files_and_those_of_editors_are_passed_over(tmp_path: Path) -> None:
    for name in (
        ".a.yaml",
        "~$a.yaml",
        "#a.yaml",
        ".#a.yaml",
        ".git/a.yaml",
        ".a.yaml.swp",
        "a.yaml~",
        "#a.yaml#",
    ):
        touch(tmp_path / name)
    assert list_folder(tmp_path) == scan.Listing()


def test_links_inside_the_folder_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "real.yaml")
    touch(tmp_path / "..data_1/web.yaml")
    (tmp_path / "..data").symlink_to("..data_1")
    (tmp_path / "web.yaml").symlink_to("..data/web.yaml")
    (tmp_path / "again.yaml").symlink_to("real.yaml")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/way.yaml").symlink_to("../..data/web.yaml")
    (tmp_path / "way").symlink_to("..data_1")
    listing = list_folder(tmp_path)
    assert sorted(listing.files) == ["real.yaml", "web.yaml"]
    assert listing.problems == ()


def test_two_links_to_one_folder_and_links_within_it_count_once(tmp_path: Path) -> None:
    touch(tmp_path / ".hidden/sub/web.yaml")
    (tmp_path / "a").symlink_to(".hidden/sub")
    (tmp_path / "b").symlink_to(".hidden")
    assert list(list_folder(tmp_path).files) == ["a/web.yaml"]


def test_a_hidden_folder_can_be_shown_by_a_link(tmp_path: Path) -> None:
    touch(tmp_path / ".releases/7/web.yaml")
    (tmp_path / "current").symlink_to(".releases/7")
    assert list(list_folder(tmp_path).files) == ["current/web.yaml"]


def test_links_that_lead_out_or_nowhere_are_told(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside/a.yaml")
    folder = tmp_path / "desired"
    folder.mkdir()
    (folder / "out.yaml").symlink_to(outside)
    (folder / "gone.yaml").symlink_to("nothing")
    (folder / "round.yaml").symlink_to("round.yaml")
    (folder / "out").symlink_to(outside.parent)
    (folder / "gone").symlink_to("nothing")
    (folder / "notes.txt").symlink_to("/etc/hostname")
    listing = list_folder(folder)
    assert listing.files == {}
    assert sorted(listing.refused) == ["gone.yaml", "out.yaml", "round.yaml"]
    assert sorted(listing.unreadable) == ["gone", "out"]
    assert str(listing.refused["out.yaml"]) == (
        "out.yaml:1:1: is a link that leaves the folder; what it leads to is not read"
    )
    assert "leads nowhere" in str(listing.refused["gone.yaml"])
    assert listing.hides("gone/a.yaml")
    assert not listing.hides("gonex/a.yaml")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "releases/7/web.yaml")
    (tmp_path / "desired").symlink_to("releases/7")
    assert list(list_folder(tmp_path / "desired").files) == ["web.yaml"]


def test_what_is_no_regular_file_is_told_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.yaml"))
        listing = list_folder(tmp_path)
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    assert sorted(listing.refused) == ["pipe.yaml", "s.yaml"]
    assert str(listing.refused["pipe.yaml"]) == "pipe.yaml:1:1: is not a regular file"
    assert "leaves the folder" in str(list_folder(tmp_path).refused["device.yaml"])


def test_a_missing_folder_hides_everything(tmp_path: Path) -> None:
    listing = list_folder(tmp_path / "none")
    assert listing.files == {}
    assert "the folder cannot be read: No such file or directory" in str(listing.problems[0])
    assert listing.hides("any.yaml")
    touch(tmp_path / "file")
    assert "Not a directory" in str(list_folder(tmp_path / "file").problems[0])


def test_names_that_are_not_utf_8_can_be_printed(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.yaml"))).write_text("x")
    (name,) = list_folder(tmp_path).files
    assert name == "caf\\xe9.yaml"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.yaml:1:1: forged.yaml", r"a\nb.yaml:1:1: forged.yaml"),
        ("a\r\x1b[31m.yaml", r"a\r\x1b[31m.yaml"),
        ("a\u2028\u202eb.yaml", r"a\u2028\u202eb.yaml"),
        ("a\x85.yaml", r"a\x85.yaml"),
        ("caf\u00e9 \U0001f6d2.yaml", "caf\u00e9 \U0001f6d2.yaml"),
    ],
)
def test_no_name_can_break_or_disguise_a_line(tmp_path: Path, name: str, shown: str) -> None:
    touch(tmp_path / name)
    (tmp_path / "sub\n").mkdir()
    (tmp_path / "sub\n" / name).symlink_to("nothing")
    listing = list_folder(tmp_path)
    assert list(listing.files) == [shown]
    assert str(listing.refused[rf"sub\n/{shown}"]).startswith(rf"sub\n/{shown}:1:1: is a link that")
    assert all(len(str(problem).splitlines()) == 1 for problem in listing.problems)


def test_no_more_files_are_listed_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_FILES", 3)
    for number in range(5):
        touch(tmp_path / f"{number}.yaml")
    (tmp_path / "link").symlink_to(".")
    listing = list_folder(tmp_path)
    assert len(listing.files) == 3
    assert "more than 3 files; the rest is not read" in str(listing.problems[0])
    assert listing.hides("4.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_sub_folder_without_permission_hides_what_is_in_it(tmp_path: Path) -> None:
    touch(tmp_path / "sub/a.yaml")
    (tmp_path / "sub").chmod(0)
    try:
        assert list(list_folder(tmp_path).unreadable) == ["sub"]
    finally:
        (tmp_path / "sub").chmod(0o700)


def test_a_sub_folder_that_goes_while_it_is_listed_hides_what_was_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "sub/a.yaml")
    touch(tmp_path / "b.yaml")
    scandir = os.scandir

    def vanishing(place: str) -> object:
        if place.endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", vanishing)
    listing = list_folder(tmp_path)
    assert list(listing.files) == ["b.yaml"]
    assert str(listing.unreadable["sub"]) == "sub:1:1: the folder cannot be read: Permission denied"


class VanishedEntry:
    """What ``os.scandir`` gives for a file that is gone a moment later."""

    name = "gone.yaml"
    path = "/nowhere/gone.yaml"

    def is_symlink(self) -> bool:
        return False

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        raise FileNotFoundError(2, "No such file or directory")


def test_a_file_that_goes_while_it_is_listed_is_unknown_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", lambda place: nullcontext([VanishedEntry()]))
    listing = list_folder(tmp_path)
    assert listing.files == {}
    assert str(listing.refused["gone.yaml"]) == "gone.yaml:1:1: cannot be read: No such file or directory"
