"""Real file systems and real time: watchfiles is what is tested here, too."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.sources import watch
from reconciler.sources.watch import FolderWatch

ENOUGH_S = 8.0


class Wakes:
    """Counts wakes; ``after`` does something and waits for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._woken = asyncio.Event()

    async def listen(self, folder_watch: FolderWatch) -> None:
        async for _ in folder_watch.changes():
            self.count += 1
            self._woken.set()

    async def after(self, change: Callable[[], object]) -> None:
        await self.quiet()
        self._woken.clear()
        change()
        await asyncio.wait_for(self._woken.wait(), ENOUGH_S)

    async def quiet(self) -> None:
        """Until no wake came for a while."""
        before = -1
        while before != self.count:
            before = self.count
            await asyncio.sleep(0.8)


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[tuple[Wakes, FolderWatch]]:
    wakes, folder_watch = Wakes(), FolderWatch(folder)
    listener = asyncio.create_task(wakes.listen(folder_watch))
    try:
        await wakes.quiet()
        yield wakes, folder_watch
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "desired"
    made.mkdir()
    return made


async def edits(folder: Path) -> None:
    async with listening(folder) as (wakes, folder_watch):
        await wakes.after(lambda: (folder / "a.yaml").write_text("one"))
        await wakes.after((folder / "sub").mkdir)
        await wakes.after(lambda: (folder / "sub/b.yaml").write_text("one"))
        await wakes.after((folder / "a.yaml").unlink)
        assert folder_watch.problem == ""


def test_changes_in_the_folder_and_below_wake(folder: Path) -> None:
    asyncio.run(edits(folder))


async def noise(folder: Path) -> None:
    (folder / ".git").mkdir()
    async with listening(folder) as (wakes, _):
        before = wakes.count
        (folder.parent / "other.yaml").write_text("x")
        (folder / ".git/index").write_text("x")
        await wakes.quiet()
        assert wakes.count == before


def test_git_s_own_files_and_siblings_of_the_folder_do_not_wake(folder: Path) -> None:
    asyncio.run(noise(folder))


async def storm(folder: Path) -> None:
    async with listening(folder) as (wakes, _):
        before = wakes.count
        until = time.monotonic() + 3.0
        edited = 0
        while time.monotonic() < until:
            (folder / "a.yaml").write_text(str(edited))
            edited += 1
            await asyncio.sleep(0.001)
        await wakes.quiet()
        assert edited > 100
        assert 1 <= wakes.count - before <= 10


def test_a_storm_of_edits_gives_few_wakes(folder: Path) -> None:
    asyncio.run(storm(folder))


async def replaced(folder: Path) -> None:
    async with listening(folder) as (wakes, _):
        await wakes.after(lambda: shutil.rmtree(folder))
        await wakes.after(folder.mkdir)
        await wakes.after(lambda: (folder / "a.yaml").write_text("one"))
        other = folder.parent / "other"
        other.mkdir()

        def exchange() -> None:
            folder.rename(folder.parent / "old")
            other.rename(folder)

        await wakes.after(exchange)
        await wakes.after(lambda: (folder / "a.yaml").write_text("two"))


def test_a_folder_that_is_removed_made_again_and_replaced_keeps_waking(folder: Path) -> None:
    asyncio.run(replaced(folder))


async def turned(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "desired"
    link.symlink_to("one")
    async with listening(link) as (wakes, _):
        await wakes.after(lambda: (tmp_path / "one/a.yaml").write_text("x"))

        def turn() -> None:
            (tmp_path / "new").symlink_to("two")
            (tmp_path / "new").rename(link)

        await wakes.after(turn)
        await wakes.after(lambda: (tmp_path / "two/a.yaml").write_text("x"))


def test_a_link_that_is_turned_is_followed(tmp_path: Path) -> None:
    asyncio.run(turned(tmp_path))


async def from_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "not/yet/there"
    async with listening(folder) as (wakes, folder_watch):
        await wakes.after(lambda: folder.mkdir(parents=True))
        await wakes.after(lambda: (folder / "a.yaml").write_text("x"))
        assert folder_watch.problem == ""


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    asyncio.run(from_nothing(tmp_path))


async def uprooted(folder: Path) -> None:
    async with listening(folder) as (wakes, _):

        def uproot() -> None:
            above = folder.parent.parent
            above.rename(above.parent / "old")
            folder.mkdir(parents=True)

        await wakes.after(uproot)
        await wakes.quiet()
        await wakes.after(lambda: (folder / "a.yaml").write_text("x"))


def test_a_folder_is_found_again_when_one_far_above_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.5)
    folder = tmp_path / "checkout/inner/desired"
    folder.mkdir(parents=True)
    asyncio.run(uprooted(folder))


async def refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([True, False])
    follow = FolderWatch._follow

    async def failing(self: FolderWatch, place: Path, stop: asyncio.Event, *, deep: bool) -> None:
        if deep and next(calls, False):
            raise OSError(28, "No space left on device: too many watches")
        await follow(self, place, stop, deep=deep)

    monkeypatch.setattr(FolderWatch, "_follow", failing)
    monkeypatch.setattr(watch, "RETRY_S", 0.5)
    folder_watch = FolderWatch(folder)
    wakes = Wakes()
    listener = asyncio.create_task(wakes.listen(folder_watch))
    await asyncio.sleep(0.3)
    assert "are not noticed at once" in folder_watch.problem
    assert "too many watches" in folder_watch.problem
    await wakes.quiet()
    assert folder_watch.problem == ""
    await wakes.after(lambda: (folder / "a.yaml").write_text("x"))
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)


def test_a_watch_that_is_refused_is_told_and_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(refused(folder, monkeypatch))
