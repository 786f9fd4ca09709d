"""Artifacts: files that documents and tasks of the orchestrator name by digest, as they were fetched.

What nothing names any more stays for a while, since the release before is often wished for again; and not for
long, nor much of it. Only files that have a digest for their name are removed, and only in this folder: no link is
followed, what somebody else put there stays.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from reconciler.atomic import remove_left_behind, write_file
from reconciler.folders import names_in, opened, translated
from reconciler.protocol.message.common import Artifact

UNNAMED_S: Final = 3_600.0
"""How long a file stays that nothing names; counted anew after each start of the agent."""

UNNAMED_BYTES: Final = 64 << 20
"""How much of such files stays; beyond that the one that nobody has named for the longest time goes first."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TEMPORARY: Final = re.compile(r"\.([0-9a-f]{64})\.[0-9a-f]{16}\.tmp")


class Artifacts:
    """Blocks; used by one thread at a time, but ``keep``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unnamed: dict[str, float] = {}

    def has(self, item: Artifact) -> bool:
        """Whether the file is here."""
        return self._path(item).exists()

    def content(self, item: Artifact) -> bytes:
        """Raises OSError where it is not here."""
        return self._path(item).read_bytes()

    def keep(self, content: bytes) -> None:
        """A file that was fetched. Raises StateUnwritable."""
        write_file(self._folder / hashlib.sha256(content).hexdigest(), content, mode=0o600)

    def collect(self, named: Collection[str], now: float) -> int:
        """Remove what none of the digests names any more, beyond the bounds; how many files that were. ``now`` in
        ticks. Raises StateUnwritable, EngineRefused.
        """
        with translated(f"removing files from {self._folder}"), opened(*self._place) as folder:
            sizes = dict(_files(folder))
            unnamed = {name: size for name, size in sizes.items() if f"sha256:{name}" not in named}
            self._unnamed = {name: self._unnamed.get(name, now) for name in unnamed}
            gone = list(self._due(unnamed, now))
            for name in gone:
                os.unlink(name, dir_fd=folder)
                del self._unnamed[name]
            if gone:
                os.fsync(folder)
        return len(gone)

    @property
    def _place(self) -> tuple[str, str]:
        return str(self._folder.parent), self._folder.name

    def _due(self, sizes: Mapping[str, int], now: float) -> Iterator[str]:
        """Which of those that nothing names go now."""
        left = sum(sizes.values())
        for name, since in sorted(self._unnamed.items(), key=lambda item: (item[1], item[0])):
            if left > UNNAMED_BYTES or now - since >= UNNAMED_S:
                left -= sizes[name]
                yield name

    def _path(self, item: Artifact) -> Path:
        return self._folder / item.sha256.removeprefix("sha256:")


def _files(folder: int) -> Iterator[tuple[str, int]]:
    """Files that are ours, and their bytes. What a killed write has left behind is removed."""
    for name in names_in(folder):
        if found := _TEMPORARY.fullmatch(name):
            remove_left_behind(folder, found[1])
        elif _DIGEST.fullmatch(name):
            standing = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(standing.st_mode):
                yield name, standing.st_size
