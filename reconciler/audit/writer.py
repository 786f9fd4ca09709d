"""Writer: where one process is in the log, and the next lines. Asked by ``log`` while it holds the folder alone.

Decides when a file is full, when a checkpoint is due, and what follows from what it finds on the disk:

    what a crash left at the end      stays, and a line of kind ``torn`` names its hash; the chain goes on
    a chain that is broken            is not continued: a new file begins with a line that says what was found
    a folder that has gone meanwhile  nothing is written, until it is back or the program starts anew
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from reconciler.atomic import create_file
from reconciler.audit.chain import Chain, Fault, lines_of, torn_digest
from reconciler.audit.checkpoint import Checkpoint, make
from reconciler.audit.fields import Fields, moment, of_log
from reconciler.audit.files import name_of, number_of
from reconciler.audit.line import Line, read, written
from reconciler.audit.place import Place, append_to, translated
from reconciler.errors import StateDamaged, StateError

EVERY: Final = 256
"""Lines between two checkpoints."""
ENDED_HERE: Final = "the controller ended here"


class Writer:
    """``key`` gives the key that signs; ``keep`` files of about ``size`` bytes are kept."""

    def __init__(self, place: Place, key: Callable[[], bytes], *, keep: int, size: int) -> None:
        self.place = place
        self.broken = ""
        """What was found wrong with the chain; "" for nothing."""
        self.may_begin_anew = False
        """Whether a log that is gone may be followed by another one: not while it may be in use."""
        self.clock: Callable[[], float] = time.time
        self.monotonic: Callable[[], float] = time.monotonic
        self._key, self._keep, self._size = key, keep, size
        self._chain = Chain()
        self.name = ""
        """The file that is written to; "" before the log was looked at."""
        self._end, self._inode, self._lines = 0, 0, 0
        self._signed = -1
        self._found = ""

    @property
    def sequence(self) -> int:
        """The number of the last line."""
        return self._chain.sequence

    def catch_up(self, folder: int) -> None:
        """Read what others wrote since; begin a log or a file, or repair one, where need be. Raises StateError."""
        names = self.place.log.names()
        if self.name and self.name not in names:
            raise self._gone()
        if not names:
            self._begin_log()
        elif (self.name, (self._inode, self._end)) != (names[-1], self.place.facts(folder, names[-1])):
            fault = self._read_on(folder, names)
            self._found = self._found or (str(fault) if fault else "")
        if self._found:
            # Known until another file says so, however often the disk does not take that.
            self._begin_anew(self._found, sequence=max(self._chain.sequence, number_of(self.name)) + 1)
            self._found = ""
        if self._chain.torn:
            self._repair(folder)

    def add(self, folder: int, batch: Sequence[Fields]) -> None:
        """Write lines in one go, and what is due before them. Raises StateError; then none of them is there."""
        if self._signed < 0:
            self._signed = self._last_signed()
        if self._chain.sequence - self._signed >= EVERY or not self._signed:
            self.sign()
        if self._end >= self._size:
            self._rotate(folder)
        self._append(folder, batch)

    def close_open(self, folder: int) -> None:
        """Tell of every intent without an outcome that nobody knows what came of it."""
        self._append(folder, [_unknown(number, told) for number, told in sorted(self._chain.open.items())])

    def sign(self) -> Checkpoint:
        """Sign where the log ends, and keep that beside it."""
        chain, now = self._chain, moment(self.clock())
        made = make(self._key(), sequence=chain.sequence, digest=chain.hash, time=now)
        append_to(self.place.log.checkpoints, made.text)
        self._signed = chain.sequence
        return made

    def _read_on(self, folder: int, names: list[str]) -> Fault | None:
        """Read from where we were, or the newest file; the first fault."""
        fresh, position = not self.name, (self._chain.sequence, self._chain.hash)
        replaced = not fresh and self._replaced(folder)
        met, first, known = not replaced, None, len(self._chain.broken)
        for name in names[-1:] if fresh else names[names.index(self.name) :]:
            goes_on = name == self.name and not replaced
            begin, lines = (self._end, self._lines) if goes_on else (0, 0)
            content, inode = self.place.read(folder, name, begin=begin)
            if replaced:
                self._chain, replaced = Chain(), False
            self.name, self._end, self._inode, self._lines = name, begin + len(content), inode, lines
            for raw in lines_of(content):
                self._lines += 1
                fault = self._chain.feed(name, self._lines, raw)
                first = first or fault
                met = met or (self._chain.sequence, self._chain.hash) == position
        if not fresh and len(self._chain.broken) > known:
            self.broken = self.broken or f"another process found it so: {self._chain.broken[-1]}"
        if first is None and not met:
            message = f"line {position[0]}, which was written there, is there no more"
            return Fault(self.name, self._lines, message)
        return first or (self._cut() if fresh else None)

    def _cut(self) -> Fault | None:
        """Whether the log ends before a line that was signed."""
        signed = self._last_signed()
        if self._chain.sequence >= signed:
            return None
        return Fault(self.name, self._lines, f"is the last line; line {signed} was signed: the log was cut")

    def _replaced(self, folder: int) -> bool:
        """Whether the file that we wrote to is another one now, or shorter."""
        inode, size = self.place.facts(folder, self.name)
        return inode != self._inode or size < self._end

    def _begin_log(self) -> None:
        signed = self._last_signed()
        if not signed:
            self._new_file(of_log("opened", "begin-log"), sequence=1)
        elif self.may_begin_anew:
            self._begin_anew(f"the log is gone, of which line {signed} was signed", sequence=signed + 1)
        else:
            raise self._gone()

    def _begin_anew(self, cause: str, *, sequence: int) -> None:
        """A chain that is broken stays as it is. ``cause`` names the place."""
        self.broken = self.broken or cause
        self._chain.torn = b""
        fields = of_log("broken", "begin-anew", cause=cause, open=[*self._chain.open.values()])
        self._new_file(fields, sequence=max(sequence, self._last_signed() + 1))

    def _new_file(self, fields: Fields, *, sequence: int) -> None:
        """A file comes into being with its first line."""
        name = name_of(sequence)
        path = self.place.log.folder / name
        line, raw = written(self._timed(fields), sequence=sequence, previous=self._chain.hash)
        if not create_file(path, raw):
            raise StateDamaged(f"the audit log has a file {path} already", hint="move it elsewhere")
        self.name, self._end, self._lines = name, 0, 0
        with translated(path):
            self._inode = path.lstat().st_ino
        self._taken(line, raw)

    def _append(self, folder: int, batch: Sequence[Fields]) -> None:
        made: list[tuple[Line, bytes]] = []
        sequence, previous = self._chain.sequence, self._chain.hash
        for fields in batch:
            made.append(written(self._timed(fields), sequence=sequence + 1, previous=previous))
            sequence, previous = sequence + 1, made[-1][0].hash
        if made:
            self.place.append(folder, self.name, b"".join(raw for _, raw in made))
        for line, raw in made:
            self._taken(line, raw)

    def _taken(self, line: Line, raw: bytes) -> None:
        self._end += len(raw)
        self._lines += 1
        self._chain.take(self.name, self._lines, line)

    def _timed(self, fields: Fields) -> Fields:
        return {**fields, "time": moment(self.clock()), "monotonicMs": int(self.monotonic() * 1000)}

    def _repair(self, folder: int) -> None:
        """Leave what is torn where it is, end its line, and tell of it in the same write."""
        torn, chain = self._chain.torn, self._chain
        fields = self._timed(of_log("torn", "repair", torn=torn_digest(torn), bytes=len(torn)))
        line, raw = written(fields, sequence=chain.sequence + 1, previous=chain.hash)
        missing = b"" if torn.endswith(b"\n") else b"\n"
        self.place.append(folder, self.name, missing + raw)
        self._taken(line, missing + raw)

    def _rotate(self, folder: int) -> None:
        still = [*self._chain.open.values()]
        self._new_file(of_log("opened", "begin-file", open=still), sequence=self._chain.sequence + 1)
        names = self.place.log.names()
        old, kept = names[: -self._keep], names[-self._keep :]
        if old:
            self._remove(folder, old, first_kept=kept[0])

    def _remove(self, folder: int, old: list[str], *, first_kept: str) -> None:
        """Say which files go, and where the chain begins then, before they do."""
        content, _ = self.place.read(folder, first_kept, begin=0)
        begins = read(content.partition(b"\n")[0])
        if begins is None:
            self.broken = self.broken or f"{first_kept}:1: is no line of an audit log"
            return  # what cannot be said to follow is not removed
        last = {"through": begins.sequence - 1, "last": begins.previous}
        self._append(folder, [of_log("removed", "remove-files", target=f"{old[0]} to {old[-1]}", **last)])
        with translated(self.place.log.folder):
            for name in old:
                os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    def _last_signed(self) -> int:
        """The last line that a checkpoint beside the log names; 0 for none."""
        kept = self.place.log.kept_checkpoints()
        return max((item.sequence for item in kept if item is not None), default=0)

    def _gone(self) -> StateError:
        return StateDamaged(
            f"the audit log {self.place.log.folder} was moved or removed",
            hint="put it back, or start the controller anew: it begins another one that says so",
        )


def _unknown(number: int, told: Fields) -> Fields:
    """The outcome of an intent that was begun by a process which is gone."""
    fields = of_log("outcome", str(told.get("action", "unknown")), intent=number, outcome="unknown")
    named: Fields = {name: told[name] for name in ("document", "target") if name in told}
    return {**fields, **named, "detail": ENDED_HERE}
