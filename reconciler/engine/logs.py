"""The last lines that a container wrote, from the engine's log stream.

Without a terminal the engine sends frames: one byte for the stream, three zeros, four bytes of length, then the
content (Engine API, "Stream format" of ContainerAttach). Decides how much is kept: the end, bounded in bytes,
whatever a container writes, and without characters that could steer the terminal of who reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

TAIL_BYTES = 64 * 1024
READ_BYTES = 8 * 1024 * 1024
_HEADER = struct.Struct(">BxxxL")
Read = Callable[[int], bytes]


def last_lines(read: Read, *, tty: bool, lines: int) -> tuple[str, ...]:
    """At most ``lines`` lines, oldest first. ``read(n)`` gives up to n bytes, and ``b""`` at the end."""
    tail = _raw_tail(read) if tty else _framed_tail(read)
    text = tail.decode("utf-8", "replace").splitlines()
    return tuple("".join(mark for mark in line if mark.isprintable() or mark == "\t") for line in text[-lines:])


def _raw_tail(read: Read) -> bytes:
    tail, total = b"", 0
    while total < READ_BYTES and (chunk := read(TAIL_BYTES)):
        tail, total = (tail + chunk)[-TAIL_BYTES:], total + len(chunk)
    return tail


def _framed_tail(read: Read) -> bytes:
    tail, total = b"", 0
    while total < READ_BYTES and len(header := _exactly(read, _HEADER.size)) == _HEADER.size:
        content = _exactly(read, min(_HEADER.unpack(header)[1], READ_BYTES))
        tail, total = (tail + content)[-TAIL_BYTES:], total + len(content) + _HEADER.size
    return tail


def _exactly(read: Read, size: int) -> bytes:
    """``size`` bytes, fewer only at the end."""
    content = b""
    while len(content) < size and (chunk := read(size - len(content))):
        content += chunk
    return content
