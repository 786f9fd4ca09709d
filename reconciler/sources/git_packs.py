"""Objects in Git's packs, read where they lie: index version 2, whole objects and deltas (gitformat-pack(5)).

Nothing is kept in memory, nothing larger than the limit is unpacked; what is not as it should be is Unreadable.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one object: a commit, or a folder of very many files."""
DEEPEST: Final = 64
"""Deltas on deltas; Git itself makes 50 at most."""
KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA: Final = 6
_REF_DELTA: Final = 7
_V2: Final = b"\xfftOc\x00\x00\x00\x02"
_FANOUT: Final = 8
_IDS: Final = 8 + 256 * 4

Object = tuple[str, bytes]
"""Kind and content."""


class Unreadable(Exception):
    """What is there cannot be told: another format, damaged, too large, or gone meanwhile."""


def from_pack(index: Path, wanted: bytes, find: Callable[[bytes, int], Object], depth: int) -> Object | None:
    """The object with this id, None where the pack does not have it. ``find`` finds another one, for a delta."""
    with _opened(index) as handle:
        offset = _offset_of(handle, wanted)
    if offset is None:
        return None
    with _opened(index.with_suffix(".pack")) as handle:
        return _at(handle, offset, find, depth)


def inflated(content: bytes, *, more: Callable[[], bytes] = lambda: b"", limit: int = LIMIT) -> bytes:
    """What a zlib stream holds; ``more`` gives further parts of it. Raises Unreadable."""
    stream, found = zlib.decompressobj(), b""
    try:
        while content and not stream.eof:
            found += stream.decompress(content, limit + 1 - len(found))
            if len(found) > limit:
                raise Unreadable("an object is too large")
            content = stream.unconsumed_tail or more()
    except zlib.error as error:
        raise Unreadable("an object is damaged") from error
    if not stream.eof:
        raise Unreadable("an object is cut off")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield handle
    finally:
        os.close(handle)


def _offset_of(handle: int, wanted: bytes) -> int | None:
    """Where in the pack the object lies."""
    if os.pread(handle, 8, 0) != _V2:
        raise Unreadable("an index of packs is of another version")
    fanout = struct.unpack(">256I", os.pread(handle, 1024, _FANOUT))
    low, high, total = (fanout[wanted[0] - 1] if wanted[0] else 0), fanout[wanted[0]], fanout[255]
    while low < high:
        middle = (low + high) // 2
        found = os.pread(handle, 20, _IDS + 20 * middle)
        if found == wanted:
            return _long_offset(handle, middle, total)
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return None


def _long_offset(handle: int, place: int, total: int) -> int:
    offsets = _IDS + 24 * total  # behind the ids are checksums of four bytes each
    (short,) = struct.unpack(">I", os.pread(handle, 4, offsets + 4 * place))
    if not short & 0x80000000:
        return int(short)
    (offset,) = struct.unpack(">Q", os.pread(handle, 8, offsets + 4 * total + 8 * (short & 0x7FFFFFFF)))
    return int(offset)


def _at(handle: int, offset: int, find: Callable[[bytes, int], Object], depth: int) -> Object:
    if depth > DEEPEST:
        raise Unreadable("deltas lie too deep")
    head = os.pread(handle, 64, offset)
    kind, size, used = _header(head)
    if size > LIMIT:
        raise Unreadable("an object is too large")
    if kind in KINDS:
        return KINDS[kind], _content(handle, offset + used, size)
    if kind == _OFS_DELTA:
        distance, length = _distance(head[used:])
        if not 0 < distance <= offset:
            raise Unreadable("a delta is of nothing")
        base = _at(handle, offset - distance, find, depth + 1)
    elif kind == _REF_DELTA:
        length = 20
        base = find(head[used : used + 20], depth + 1)
    else:
        raise Unreadable("an object is of no known kind")
    return base[0], patched(base[1], _content(handle, offset + used + length, size))


def _content(handle: int, offset: int, size: int) -> bytes:
    position = offset

    def more() -> bytes:
        nonlocal position
        part = os.pread(handle, 16 * 1024, position)
        position += len(part)
        return part

    found = inflated(more(), more=more, limit=size)
    if len(found) != size:
        raise Unreadable("an object has another size than it says")
    return found


def _header(head: bytes) -> tuple[int, int, int]:
    """Kind, size, and how many bytes say so."""
    if not head:
        raise Unreadable("a pack is cut off")
    kind, size, used, shift = head[0] >> 4 & 7, head[0] & 15, 1, 4
    while head[used - 1] & 0x80:
        if used >= min(len(head), 10):
            raise Unreadable("an object has no end of its size")
        size |= (head[used] & 0x7F) << shift
        used, shift = used + 1, shift + 7
    return kind, size, used


def _distance(head: bytes) -> tuple[int, int]:
    """How far back the base of a delta lies, and how many bytes say so."""
    value, used = head[0] & 0x7F if head else 0, 1
    while head[used - 1 : used] and head[used - 1] & 0x80:
        if used >= min(len(head), 10):
            raise Unreadable("a delta has no end of its distance")
        value = (value + 1) << 7 | head[used] & 0x7F
        used += 1
    return value, used


def patched(base: bytes, delta: bytes) -> bytes:
    """What a delta makes of its base. Raises Unreadable."""
    try:
        length, place = _number(delta, 0)
        size, place = _number(delta, place)
        if length != len(base) or size > LIMIT:
            raise Unreadable("a delta is of another base")
        found = bytearray()
        while place < len(delta) and len(found) <= size:
            place = _step(base, delta, place, found)
    except IndexError as error:
        raise Unreadable("a delta is cut off") from error
    if len(found) != size:
        raise Unreadable("a delta makes another size than it says")
    return bytes(found)


def _step(base: bytes, delta: bytes, place: int, found: bytearray) -> int:
    """Carry out one instruction: copy from the base, or insert; where the next one is."""
    code, place = delta[place], place + 1
    if not code & 0x80:
        if code == 0:
            raise Unreadable("a delta has an unknown instruction")
        found += delta[place : place + code]
        return place + code
    numbers = [0] * 7
    for bit in range(7):
        if code & 1 << bit:
            numbers[bit], place = delta[place], place + 1
    begin = int.from_bytes(bytes(numbers[:4]), "little")
    size = int.from_bytes(bytes(numbers[4:]), "little") or 0x10000
    found += base[begin : begin + size]
    return place


def _number(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, place = content[place], place + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, place
        if shift > 63:
            raise Unreadable("a delta has no end of a number")
