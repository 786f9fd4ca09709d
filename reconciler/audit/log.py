"""The audit log: each line is on disk before the method returns, after all that others wrote.

Decides what is written together: what several threads ask for at once, and before it what is owed. What had
happened already may be owed, by who goes on to a next line that waits for the disk anyway, and where nothing can
be written: an intent is refused then. Several processes may write, one after the other. How lines are written, and
what follows from what is found on the disk, is the writer's.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from reconciler.atomic import create_file, remove_file
from reconciler.audit.batches import Batches
from reconciler.audit.checkpoint import Checkpoint
from reconciler.audit.fields import Fields, moment, of_deed
from reconciler.audit.files import LogFiles
from reconciler.audit.place import Place
from reconciler.audit.values import Masker
from reconciler.audit.writer import Writer
from reconciler.core.audit import Deed
from reconciler.errors import StateError, StateLocked

FILES: Final = 100
FILE_BYTES: Final = 1 << 20
_TRIED: Final = 16 * 1024
"""Bytes that are written, and removed again, to see whether a disk takes something after it did not."""


class AuditLog:
    """``state`` is the state directory; ``key`` gives the installation's key, asked for when it is first needed.
    Safe for use from many threads.
    """

    def __init__(
        self, state: Path, key: Callable[[], bytes], *, keep: int = FILES, size: int = FILE_BYTES
    ) -> None:
        self.files = LogFiles(state)
        self.unwritable: StateError | None = None
        """Why the last write failed; None when it went well, or another process was only too slow."""
        self._key = key
        self._writer = Writer(Place(self.files), key, keep=keep, size=size)
        self._lock = threading.Lock()
        self._together = Batches(self._write)
        self._masker: Masker | None = None
        self._takes_over = False
        self._owed: list[Fields] = []

    @property
    def broken(self) -> str:
        """What was found wrong with the chain while writing; "" for nothing."""
        return self._writer.broken

    def intent(self, deed: Deed) -> int:
        """Note what is about to be done; the number of the line. Raises StateError: it must not be done then."""
        return self._together.do(of_deed("intent", deed, self._mask))

    def outcome(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """Note what came of an intent. Raises StateError: then it is noted before the next line."""
        self.owe(number, deed, outcome=outcome, detail=detail)
        self.settle()

    def owe(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """The same before the next line, or when it is settled."""
        self._owed.append(of_deed("outcome", deed, self._mask, intent=number, outcome=outcome, detail=detail))

    def late(self, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """Note what was done although no intent could be noted. Raises StateError as ``outcome`` does."""
        happened = moment(self._writer.clock())
        self._owed.append(of_deed("late", deed, self._mask, outcome=outcome, detail=detail, happened=happened))
        self.settle()

    def settle(self) -> None:
        """Note what is still to be noted. Raises StateError."""
        if self._owed:
            self._together.do(None)

    def take_over(self) -> None:
        """Nobody else acts here any more: what a process before us has begun and not ended is told as unknown.
        Where that cannot be written now, it is so before the next line. Begins no log.
        """
        self._takes_over = self._writer.may_begin_anew = True
        try:
            if self.files.names():
                self._together.do(None)
        except StateError as error:
            self.unwritable = error

    def checkpoint(self) -> Checkpoint | None:
        """Sign where the log ends, and keep that beside it; None for a log without a line. Raises StateError."""
        if not self.files.names():
            return None
        with self._held() as folder:
            self._writer.catch_up(folder)
            return self._writer.sign()

    def check_writable(self) -> None:
        """Raises StateError where a line could not be written now. Writes only what is owed, and tries the disk
        after a write that failed.
        """
        with self._held() as folder:
            failed = self.unwritable is not None
            self._add(folder, ())
            self._writer.place.check(folder, self._writer.name)
            if failed:
                probe = self.files.folder / "probe"
                create_file(probe, b"\0" * _TRIED)
                remove_file(probe)
            self.unwritable = None

    @property
    def _mask(self) -> Masker:
        if self._masker is None:
            with self._lock:  # a key that is made for the first time is made once
                self._masker = Masker(hmac.digest(self._key(), b"audit values", hashlib.sha256))
        return self._masker

    def _write(self, batch: Sequence[Fields | None]) -> Sequence[int]:
        """Write what is owed, and then these lines; their numbers, 0 for None, which asks for no line."""
        with self._held() as folder:
            lines = [fields for fields in batch if fields is not None]
            self._add(folder, lines)
            self.unwritable = None
            numbers = count(self._writer.sequence - len(lines) + 1)
            return [0 if fields is None else next(numbers) for fields in batch]

    def _add(self, folder: int, lines: Sequence[Fields]) -> None:
        self._writer.catch_up(folder)
        if self._takes_over:
            self._writer.close_open(folder)
            self._takes_over = False
        owed = self._owed[:]
        if owed or lines:
            self._writer.add(folder, [*owed, *lines])
        del self._owed[: len(owed)]

    @contextmanager
    def _held(self) -> Iterator[int]:
        with self._lock:
            try:
                with self._writer.place.held(make=not self._writer.name) as folder:
                    yield folder
            except StateLocked:  # another process was slow; the disk is well
                raise
            except StateError as error:
                self.unwritable = error
                raise
