"""Verify: read the whole log and every checkpoint, and say what is not as it was written. Changes nothing.

A log may be written to meanwhile: what came after the look began is not looked at. Decides nothing about what
follows from a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.audit.chain import Chain, Fault, lines_of
from reconciler.audit.checkpoint import Checkpoint
from reconciler.audit.files import LogFiles

Kept = Sequence[Checkpoint | None]
Place = tuple[str, int]
"""File and line."""

MOST_FAULTS = 100
"""One edit gives one or two; a file that is overwritten would give one for each line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """``first`` and ``last`` are sequences, 0 where there is no line. ``removed``: whether older files were
    removed as the settings say; ``anew``: whether the first line says that what was before it is broken, which
    is not there. ``torn`` are places that tell of what a crash left; ``unfinished`` says that such a thing stands
    at the end. ``told`` are places where the log itself tells of a break.
    """

    files: int = 0
    lines: int = 0
    first: int = 0
    last: int = 0
    removed: bool = False
    anew: bool = False
    torn: tuple[str, ...] = ()
    unfinished: bool = False
    told: tuple[str, ...] = ()
    checkpoints: int = 0
    faults: tuple[Fault, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing in it was edited, removed, moved or cut."""
        return not self.faults and not self.told


@dataclass(slots=True)
class _Reading:
    """What one look has found so far."""

    chain: Chain = field(default_factory=Chain)
    faults: list[Fault] = field(default_factory=list)
    hashes: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    """Hash and place of the lines that checkpoints speak of."""

    def note(self, fault: Fault | None) -> None:
        if fault is not None and len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


def verify(log: LogFiles, *, key: str, others: Sequence[tuple[str, Kept]] = ()) -> Verified:
    """Look at all of it. ``key``: the public key that signs here. ``others``: checkpoints kept elsewhere, by
    file. Raises StateUnwritable where it cannot be read.
    """
    names = log.names()
    here = _placed(log.checkpoints.name, log.kept_checkpoints())
    signed = [*here, *(item for file, kept in others for item in _placed(file, kept))]
    found = _Reading()
    wanted = {item.sequence for _, item in signed if item is not None}
    for name in names:
        _read_file(found, name, log.content(name), wanted, last=name == names[-1])
    chain = found.chain
    anew = chain.broken[:1] == [f"{names[0]}:1"] if names else False
    removed = not anew and _begins_later(found, names)
    for place, item in signed:
        found.note(_against(found, item, place, key=key, removed=removed))
    return Verified(
        files=len(names),
        lines=chain.lines,
        first=chain.first,
        last=chain.sequence,
        removed=removed,
        anew=anew,
        torn=tuple(chain.repaired),
        unfinished=bool(chain.torn),
        told=tuple(chain.broken[int(anew) :]),
        checkpoints=len(signed),
        faults=tuple(found.faults),
    )


def _placed(file: str, kept: Kept) -> list[tuple[Place, Checkpoint | None]]:
    return [((file, number), item) for number, item in enumerate(kept, start=1)]


def _read_file(found: _Reading, name: str, content: bytes, wanted: set[int], *, last: bool) -> None:
    chain = found.chain
    for number, raw in enumerate(lines_of(content), start=1):
        found.note(chain.feed(name, number, raw))
        if chain.sequence in wanted and chain.sequence not in found.hashes and not chain.torn:
            found.hashes[chain.sequence] = (chain.hash, name, number)
    if not last:
        found.note(chain.end_of_file())


def _begins_later(found: _Reading, names: Sequence[str]) -> bool:
    """Whether older files were removed; a fault where no line says so."""
    chain = found.chain
    if not chain.anchored or (chain.first == 1 and not chain.before_first):
        return False
    if chain.removed.get(chain.first - 1) == chain.before_first:
        return True
    found.note(Fault(names[0], 1, f"begins with line {chain.first}, and nothing says where those before it are"))
    return False


def _against(found: _Reading, item: Checkpoint | None, place: Place, *, key: str, removed: bool) -> Fault | None:
    """What a checkpoint shows."""
    file, number = place
    if item is None:
        return Fault(file, number, "is no checkpoint")
    if item.key != key:
        return Fault(file, number, f"is signed by another key: {item.key}")
    if not item.genuine:
        return Fault(file, number, "has not the signature that it says: it was edited")
    return _missed(found, item, place, removed=removed)


def _missed(found: _Reading, item: Checkpoint, place: Place, *, removed: bool) -> Fault | None:
    chain, signed = found.chain, f"line {item.sequence} was signed"
    if item.sequence > chain.sequence:
        return Fault(*place, f"{signed}; the log ends with line {chain.sequence}: it was cut")
    known = found.hashes.get(item.sequence)
    if known is not None and known[0] != item.hash:
        return Fault(known[1], known[2], f"is another line {item.sequence} than was signed at {item.time}")
    if known is None and not (removed and item.sequence < chain.first):
        return Fault(*place, f"{signed}; the log, which begins with line {chain.first}, does not have it")
    return None
