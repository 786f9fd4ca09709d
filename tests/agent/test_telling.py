"""What is told of what a command says."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from reconciler.agent.telling import LINE_BYTES, Telling
from reconciler.core.secret import Secret
from reconciler.executors.discretion import spellings
from reconciler.protocol.logs import CUT

PASSWORD = "correct-horse-battery-staple"


def told(*pieces: bytes, most: int = 4_096, environment: dict[str, str] | None = None) -> str:
    telling = Telling(environment or {}, tuple(spellings(Secret(PASSWORD.encode()))), most=most)
    for piece in pieces:
        telling.take(piece)
    telling.end()
    return telling.drain()


def test_lines_are_told_as_they_end_and_the_last_one_at_the_end() -> None:
    telling = Telling({}, ())
    telling.take(b"one\ntw")
    assert telling.drain() == "one"
    telling.take(b"o\nthree")
    assert telling.drain() == "two"
    telling.end()
    assert (telling.drain(), telling.heard, telling.cut) == ("three", 13, False)


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 200))
def test_no_secret_is_told_however_it_comes(before: bytes, after: bytes, cut: int) -> None:
    said = before + PASSWORD.encode() + after + base64.b64encode(PASSWORD.encode())
    shown = told(said[:cut], said[cut:])
    assert PASSWORD not in shown
    assert base64.b64encode(PASSWORD.encode()).decode().rstrip("=") not in shown


def test_secrets_of_the_containers_environment_and_control_are_not_told() -> None:
    shown = told(b"\x1b[31mtoken is sesame-open\x1b[0m\n", environment={"API_TOKEN": "sesame-open"})
    assert "sesame-open" not in shown
    assert shown.startswith("token is ")


@given(st.integers(0, len(PASSWORD) + 4))
def test_where_a_line_is_cut_no_part_of_a_secret_is_at_its_end(back: int) -> None:
    shown = told(b"x" * (LINE_BYTES - back) + PASSWORD.encode() + b"y" * 50 + b"\nafter\n", most=1 << 20)
    line, after, *_ = shown.splitlines()
    assert set(line.removesuffix(f" {CUT}")) <= {"x"}
    assert line.endswith(CUT)
    assert after == "after"


@given(st.integers(1, len(PASSWORD)))
def test_of_a_command_that_was_cut_off_no_part_of_a_secret_is_told(said: int) -> None:
    """Such as when its time is up, or its engine dies: more of the line might have come."""
    telling = Telling({}, (PASSWORD,))
    telling.take(b"begun\n" + b"x" * 50 + PASSWORD[:said].encode())
    telling.end(whole=False)
    begun, last, cut = telling.drain().splitlines()
    assert (begun, cut) == ("begun", f"{CUT}it said {56 + said} bytes, and not all of them are told")
    assert set(last.removesuffix(f" {CUT}")) == {"x"}


def test_a_url_at_the_cut_is_left_out_since_its_credentials_are_not_known() -> None:
    said = b"x " * 8_000 + b"postgres://ana:hunter2" + b"z" * 1_000 + b"@db/x\n"
    line = told(said, most=1 << 20).splitlines()[0]
    assert "hunter2" not in line
    assert line.endswith(f"postgres {CUT}")


def test_more_than_is_told_is_counted_and_said() -> None:
    telling = Telling({}, (), most=20)
    for _ in range(10):
        telling.take(b"0123456789\n")
    telling.end()
    assert telling.drain() == f"0123456789\n{CUT}it said 110 bytes, and not all of them are told"
    assert telling.cut
