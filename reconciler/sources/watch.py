"""Watching the folder: a hint that something may have changed, and nothing more.

Built on watchfiles. The folder and the folder that holds it are watched, so that a folder that is removed,
replaced or made anew (or a link to it that is turned) is noticed; a look at its identity every few seconds
catches what the kernel does not tell, such as a parent that was replaced. Whoever is woken looks at the whole
folder again; a slow timer of the loop is the net below.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

QUIET_MS = 100
"""A burst of changes is told when nothing more has come for this long, ..."""

LONGEST_MS = 1_000
"""... or when it has gone on for this long."""

CALM_S = 1.0
LONGEST_PAUSE_S = 2.0
"""While changes go on, with less than the one between wakes, wakes wait longer and longer, up to the other."""

ARMED_S = 0.2
LOOK_S = 3.0
RETRY_S = 5.0

Identity = tuple[str, int, int] | None


class FolderWatch:
    """Wakes whoever listens. ``problem`` says why changes are not noticed now, "" when they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.abspath(folder))  # noqa: PTH100  (links stay: they are what is watched)
        self._woken = asyncio.Event()
        self.problem = ""

    async def changes(self) -> AsyncIterator[None]:
        """Yields after changes, many of them taken together; also when the folder comes or goes. Never ends."""
        watcher = asyncio.create_task(self._watch())
        try:
            pause, clock, told_at = 0.0, asyncio.get_running_loop().time, float("-inf")
            while True:
                await self._woken.wait()
                pause = min(LONGEST_PAUSE_S, pause * 2 or ARMED_S) if clock() - told_at < CALM_S else 0.0
                await asyncio.sleep(pause)
                self._woken.clear()
                told_at = clock()
                yield None
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            identity = _identity(self._folder)
            try:
                await self._watch_one(identity)
            except (OSError, RuntimeError) as error:  # what watchfiles raises, such as too many watches
                self.problem = f"changes in {self._folder} are not noticed at once: {error}"
                await asyncio.sleep(RETRY_S)
            self._woken.set()

    async def _watch_one(self, identity: Identity) -> None:
        """Until the folder is another one. Raises what watchfiles raises."""
        stop = asyncio.Event()
        jobs = [
            self._tell_when_replaced(identity, stop),
            self._follow(_nearest(self._folder.parent), stop, deep=False),
        ]
        if identity is not None:
            jobs.append(self._follow(Path(identity[0]), stop, deep=True))
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell_when_replaced(self, identity: Identity, stop: asyncio.Event) -> None:
        """Ends when it is. Wakes once the watch stands: what changed before that was not noticed."""
        await asyncio.sleep(ARMED_S)
        self.problem = ""
        self._woken.set()
        while _identity(self._folder) == identity and not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):  # wait_for would lose a cancellation that comes with ``stop``
                    await stop.wait()

    async def _follow(self, place: Path, stop: asyncio.Event, *, deep: bool) -> None:
        """Tell of changes below ``place``; above the folder only of the folder itself."""
        from watchfiles import awatch  # noqa: PLC0415  (loads a library that one-off commands do not need)

        concerns = _not_git if deep else self._is_folder
        batches = awatch(
            place,
            watch_filter=lambda _, path: concerns(path),
            recursive=deep,
            step=QUIET_MS,
            debounce=LONGEST_MS,
            stop_event=stop,
        )
        async for _ in batches:
            if not deep:
                return
            self._woken.set()

    def _is_folder(self, path: str) -> bool:
        return self._folder == Path(path) or self._folder.is_relative_to(path)


def _not_git(path: str) -> bool:
    """Git's own files change with every command, and hold no documents."""
    return f"{os.sep}.git{os.sep}" not in f"{path}{os.sep}"


def _identity(folder: Path) -> Identity:
    """Which folder it is that the path leads to now; None when it leads to none."""
    try:
        facts = folder.stat()
        return (os.path.realpath(folder), facts.st_dev, facts.st_ino)
    except OSError:
        return None


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())
