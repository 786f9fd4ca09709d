"""The end of a container's log."""

from __future__ import annotations

import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.logs import READ_BYTES, TAIL_BYTES, last_lines


def framed(*contents: bytes) -> bytes:
    return b"".join(struct.pack(">BxxxL", 1, len(content)) + content for content in contents)


def lines(content: bytes, *, tty: bool = False, count: int = 3) -> tuple[str, ...]:
    return last_lines(io.BytesIO(content).read, tty=tty, lines=count)


def test_frames_are_put_together_and_the_last_lines_told() -> None:
    assert lines(framed(b"one\ntw", b"o\nthree\n", b"four\n")) == ("two", "three", "four")


def test_a_terminals_log_has_no_frames() -> None:
    assert lines(b"one\r\ntwo\r\n", tty=True) == ("one", "two")


def test_an_empty_log_has_no_lines() -> None:
    assert lines(b"") == lines(b"", tty=True) == ()


def test_what_could_steer_a_terminal_is_left_out() -> None:
    assert lines(framed(b"a\x1b[31mb\tc\x00\xff\n")) == ("a[31mb\tc\ufffd",)


def test_only_the_end_of_a_flood_is_kept() -> None:
    flood = framed(*[b"x" * 1000 + b"\n"] * 200)
    assert sum(len(line) + 1 for line in lines(flood, count=1000)) <= TAIL_BYTES
    assert sum(len(line) + 1 for line in lines(b"y" * 1_000_000, tty=True, count=10)) <= TAIL_BYTES + 1


def test_a_frame_that_claims_to_be_endless_is_read_no_further_than_the_limit() -> None:
    asked = []

    def read(size: int) -> bytes:
        asked.append(size)
        return struct.pack(">BxxxL", 1, 2**32 - 1)[:size] if len(asked) == 1 else b"z" * min(size, 1_000_000)

    assert last_lines(read, tty=False, lines=1) == ("z" * TAIL_BYTES,)
    assert max(asked) <= READ_BYTES


@given(st.lists(st.binary(max_size=50)), st.integers(1, 7))
def test_however_the_bytes_arrive_the_lines_are_the_same(contents: list[bytes], size: int) -> None:
    whole = io.BytesIO(framed(*contents))
    dribble = io.BytesIO(framed(*contents))
    assert last_lines(whole.read, tty=False, lines=5) == last_lines(
        lambda wanted: dribble.read(min(wanted, size)), tty=False, lines=5
    )
