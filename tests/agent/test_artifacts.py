"""Files that were fetched by digest: which go, which stay, and that nothing else is touched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reconciler.agent import artifacts
from reconciler.agent.artifacts import UNNAMED_S, Artifacts
from reconciler.errors import EngineRefused


def name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "artifacts"
    made.mkdir()
    return made


def test_what_is_named_stays_and_the_rest_goes_after_a_while(folder: Path) -> None:
    here = Artifacts(folder)
    for content in (b"a", b"b"):
        here.keep(content)
    named = {f"sha256:{name(b'a')}"}
    assert [here.collect(named, at) for at in (0.0, UNNAMED_S - 1, UNNAMED_S)] == [0, 0, 1]
    assert [path.name for path in folder.iterdir()] == [name(b"a")]


def test_what_is_named_again_meanwhile_begins_anew(folder: Path) -> None:
    here = Artifacts(folder)
    here.keep(b"a")
    named = {f"sha256:{name(b'a')}"}
    assert here.collect((), 0.0) == here.collect(named, UNNAMED_S) == here.collect((), UNNAMED_S + 1) == 0
    assert here.collect((), 2 * UNNAMED_S) == 0
    assert here.collect((), 2 * UNNAMED_S + 1) == 1


def test_of_what_nothing_names_only_so_much_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "UNNAMED_BYTES", 5)
    here = Artifacts(folder)
    here.keep(b"old")
    assert here.collect((), 0.0) == 0
    here.keep(b"new")
    assert here.collect((), 1.0) == 1
    assert [path.read_bytes() for path in folder.iterdir()] == [b"new"]


def test_what_is_not_a_file_of_ours_is_left_as_it_is(folder: Path) -> None:
    """Nor is a link followed; what a killed write has left behind goes."""
    outside = folder.parent / "outside"
    outside.write_text("precious")
    (folder / name(b"link")).symlink_to(outside)
    (folder / name(b"folder")).mkdir()
    (folder / "notes").write_text("of somebody")
    (folder / f".{name(b'half')}.{'0' * 16}.tmp").write_text("ha")
    here = Artifacts(folder)
    assert [here.collect((), at) for at in (0.0, UNNAMED_S)] == [0, 0]
    assert {path.name for path in folder.iterdir()} == {name(b"link"), name(b"folder"), "notes"}
    assert outside.read_text() == "precious"


def test_a_link_in_the_place_of_the_folder_is_not_followed(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    Artifacts(elsewhere).keep(b"a")
    with pytest.raises(EngineRefused):
        Artifacts(folder).collect((), UNNAMED_S)
    assert (elsewhere / name(b"a")).exists()
