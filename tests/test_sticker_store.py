from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import sticker_store
from reconciler.core.desired import StickerPlace
from reconciler.core.interfaces import Stickers
from reconciler.core.observation import StickerReading
from reconciler.core.sticker import seal
from reconciler.errors import EngineUnavailable, InputError, StateUnwritable
from reconciler.sticker_store import READ_LIMIT, StickerStore
from tests.simulator.world import World

ABSENT = StickerReading(fact="absent")
ONE, TWO = (
    seal({"version": "1.0", "generator": "reconciler", "deployment": {"id": name}}, b"key") for name in "12"
)


def _place(path: Path) -> StickerPlace:
    return StickerPlace(path=str(path))


@pytest.fixture
def store() -> Stickers:
    return StickerStore(None)


def test_a_sticker_on_the_host_is_written_with_its_folders_and_read_back(store: Stickers, tmp_path: Path) -> None:
    place = _place(tmp_path / "stella" / "web" / "version.json")
    assert store.read(place, helper="") == ABSENT
    before = os.umask(0o077)
    try:
        store.write(place, ONE, helper="")
    finally:
        os.umask(before)
    store.write(place, TWO, helper="")
    assert store.read(place, helper="") == StickerReading(fact="present", content=TWO)
    for folder in (tmp_path / "stella", tmp_path / "stella" / "web"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "stella" / "web" / "version.json").stat().st_mode) == 0o644


def test_a_sticker_on_the_host_is_removed_once_or_more(store: Stickers, tmp_path: Path) -> None:
    place = _place(tmp_path / "version.json")
    store.write(place, ONE, helper="")
    store.remove(place, helper="")
    store.remove(place, helper="")
    assert store.read(place, helper="") == ABSENT


def test_a_file_in_the_place_of_a_folder_means_absent(store: Stickers, tmp_path: Path) -> None:
    (tmp_path / "web").write_bytes(b"")
    place = _place(tmp_path / "web" / "version.json")
    assert store.read(place, helper="") == ABSENT
    with pytest.raises(StateUnwritable, match="could not make the folder"):
        store.write(place, b"x", helper="")


@pytest.mark.fault("S2")
def test_what_is_no_readable_file_is_told_and_never_followed(store: Stickers, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(READ_LIMIT + 1)
    problems = {
        name: store.read(_place(tmp_path / name), helper="") for name in ("link", "folder", "pipe", "large")
    }
    assert {reading.fact for reading in problems.values()} == {"unreadable"}
    assert {reading.content for reading in problems.values()} == {b""}
    assert [reading.problem.removeprefix(f"{tmp_path}/") for reading in problems.values()] == [
        "link: is a link",
        "folder: not a regular file",
        "pipe: not a regular file",
        f"large: larger than {READ_LIMIT} bytes",
    ]


def test_a_name_the_system_refuses_is_a_reading_too(store: Stickers, tmp_path: Path) -> None:
    reading = store.read(_place(tmp_path / ("x" * 300)), helper="")
    assert (reading.fact, reading.problem[-18:]) == ("unreadable", "File name too long")


@pytest.mark.fault("S2")
def test_a_sticker_is_not_written_through_a_link(store: Stickers, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("kept")
    with pytest.raises(StateUnwritable, match="link: is a link"):
        store.write(_place(tmp_path / "link"), b"x", helper="")
    assert (tmp_path / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize(
    "content",
    [
        b"root:x:0:0::/root:/bin/sh\n",
        b'{"auths": {}}\n',
        b'["generator", "mac", "version"]',
        b"[" * 100_000,
        b"\xff",
        b"x" * (READ_LIMIT + 1),
    ],
)
def test_a_file_that_is_no_sticker_is_neither_replaced_nor_removed(
    store: Stickers, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "passwd"
    file.write_bytes(content)
    with pytest.raises(StateUnwritable, match=r"is not a sticker|larger than") as caught:
        store.write(_place(file), ONE, helper="")
    store.remove(_place(file), helper="")
    assert "spec.sticker.path" in caught.value.hint
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "rest", [b"", b"{}", ONE[:1], ONE[:20], ONE[: len(ONE) // 2], b'{"mac":1,"version":1,"generator":1}']
)
def test_a_torn_or_strange_sticker_is_written_anew_and_removed(
    store: Stickers, tmp_path: Path, rest: bytes
) -> None:
    file = tmp_path / "version.json"
    file.write_bytes(rest)
    store.write(_place(file), TWO, helper="")
    assert file.read_bytes() == TWO
    file.write_bytes(rest)
    store.remove(_place(file), helper="")
    assert not file.exists()


def test_at_the_default_place_any_damage_is_mended(
    store: Stickers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sticker_store, "OUR_FOLDER", tmp_path)
    file = tmp_path / "web" / "version.json"
    file.parent.mkdir()
    file.write_bytes(b"\x00\x01")
    store.write(_place(file), ONE, helper="")
    assert file.read_bytes() == ONE


def test_at_the_default_place_too_nothing_is_written_through_a_link(
    store: Stickers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sticker_store, "OUR_FOLDER", tmp_path)
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("kept")
    with pytest.raises(StateUnwritable, match="not a regular file"):
        store.write(_place(tmp_path / "link"), ONE, helper="")
    assert (tmp_path / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize("path", ["", "relative/version.json", "/var/../etc/passwd", "/"])
def test_a_path_that_is_not_plainly_a_file_is_refused(store: Stickers, path: str) -> None:
    place = StickerPlace(path=path)
    assert store.read(place, helper="").fact == "unreadable"
    with pytest.raises(InputError, match="not an absolute path"):
        store.write(place, b"x", helper="")


@given(content=st.binary(max_size=2000))
def test_content_comes_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = StickerStore(None)
    place = _place(tmp_path_factory.mktemp("sticker") / "version.json")
    store.write(place, content, helper="")
    assert store.read(place, helper="") == StickerReading(fact="present", content=content)


VOLUME = StickerPlace(location="volume", path="/stella/version.json", volume="facts")


@pytest.fixture
def world() -> World:
    """With the helper's image on the host."""
    return World()


@pytest.fixture
def helper(world: World) -> str:
    image = world.publish()
    world.engine.pull(image, deadline_s=10, progress=lambda _: None)
    return str(image)


def test_a_sticker_in_a_volume_goes_through_the_engine(world: World, helper: str) -> None:
    store = StickerStore(world.engine)
    assert store.read(VOLUME, helper=helper) == ABSENT
    store.write(VOLUME, b"one", helper=helper)
    assert store.read(VOLUME, helper=helper) == StickerReading(fact="present", content=b"one")
    assert world.engine.read_volume("facts", "stella/version.json", helper=helper, limit=10) == b"one"


def test_a_sticker_in_a_volume_is_emptied_where_it_cannot_be_removed(world: World, helper: str) -> None:
    store = StickerStore(world.engine)
    store.remove(VOLUME, helper=helper)
    assert world.engine.host.volumes == {}
    store.write(VOLUME, b"one", helper=helper)
    store.remove(VOLUME, helper=helper)
    before = world.engine.mutations
    store.remove(VOLUME, helper=helper)
    assert (store.read(VOLUME, helper=helper), world.engine.mutations) == (ABSENT, before)


def test_problems_of_the_engine_become_readings(world: World, helper: str) -> None:
    store = StickerStore(world.engine)
    store.write(VOLUME, b"x" * (READ_LIMIT + 1), helper=helper)
    large = store.read(VOLUME, helper=helper)
    assert (large.fact, large.content) == ("unreadable", b"")
    assert "larger" in large.problem
    world.engine.faults.down = True
    assert store.read(VOLUME, helper=helper).fact == "unreadable"
    with pytest.raises(EngineUnavailable):
        store.write(VOLUME, b"x", helper=helper)


def test_without_an_engine_a_volume_is_out_of_reach(store: Stickers) -> None:
    reading = store.read(VOLUME, helper="")
    assert (reading.fact, "needs a Docker engine" in reading.problem) == ("unreadable", True)
    with pytest.raises(InputError, match="needs a Docker engine"):
        store.write(VOLUME, b"x", helper="")


@pytest.mark.parametrize("path", ["", "/", "../outside", "a/../../b"])
def test_a_path_that_leaves_the_volume_is_refused(world: World, helper: str, path: str) -> None:
    place = StickerPlace(location="volume", path=path, volume="facts")
    with pytest.raises(InputError, match="inside the volume"):
        StickerStore(world.engine).write(place, b"x", helper=helper)
    assert world.engine.host.volumes == {}
