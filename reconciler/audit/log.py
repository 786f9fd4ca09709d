"""The audit log: each line is on disk before the method returns, after all that others wrote.

Decides what follows where nothing can be written: an intent is refused; what had happened already is owed, and
written before the next line. Several processes may write, one line at a time. How a line is written, and what
follows from what is found on the disk, is the writer's.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.atomic import create_file, remove_file
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
        self._lock = threading.RLock()
        self._masker: Masker | None = None
        self._takes_over = False
        self._owed: list[Fields] = []

    @property
    def broken(self) -> str:
        """What was found wrong with the chain while writing; "" for nothing."""
        return self._writer.broken

    def intent(self, deed: Deed) -> int:
        """Note what is about to be done; the number of the line. Raises StateError: it must not be done then."""
        return self._write(of_deed("intent", deed, self._mask))

    def outcome(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """Note what came of an intent. Raises StateError: then it is noted before the next line."""
        self._owe(of_deed("outcome", deed, self._mask, intent=number, outcome=outcome, detail=detail))

    def late(self, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """Note what was done although no intent could be noted. Raises StateError as ``outcome`` does."""
        happened = moment(self._writer.clock())
        self._owe(of_deed("late", deed, self._mask, outcome=outcome, detail=detail, happened=happened))

    def settle(self) -> None:
        """Note what is still to be noted. Raises StateError."""
        if self._owed:
            self._write(None)

    def take_over(self) -> None:
        """Nobody else acts here any more: what a process before us has begun and not ended is told as unknown.
        Where that cannot be written now, it is so before the next line. Begins no log.
        """
        self._takes_over = self._writer.may_begin_anew = True
        try:
            if self.files.names():
                self._write(None)
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
            self._catch_up(folder)
            self._writer.place.check(folder, self._writer.name)
            if failed:
                probe = self.files.folder / "probe"
                create_file(probe, b"\0" * _TRIED)
                remove_file(probe)
            self.unwritable = None

    @property
    def _mask(self) -> Masker:
        if self._masker is None:
            self._masker = Masker(hmac.digest(self._key(), b"audit values", hashlib.sha256))
        return self._masker

    def _owe(self, fields: Fields) -> None:
        with self._lock:
            self._owed.append(fields)
        self._write(None)

    def _write(self, fields: Fields | None) -> int:
        """Write what is owed, and then a line; the number of the last one."""
        with self._held() as folder:
            self._catch_up(folder)
            if fields is not None:
                self._writer.add(folder, fields)
            self.unwritable = None
            return self._writer.sequence

    def _catch_up(self, folder: int) -> None:
        self._writer.catch_up(folder)
        if self._takes_over:
            self._writer.close_open(folder)
            self._takes_over = False
        while self._owed:
            self._writer.add(folder, self._owed[0])
            del self._owed[0]

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
