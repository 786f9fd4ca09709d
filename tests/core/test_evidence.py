from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig
from reconciler.core.evidence import CUT, LIMIT_BYTES, plain
from reconciler.core.evidence import evidence as evidence_of
from reconciler.core.observation import ContainerDetail

DETAIL = ContainerDetail(
    id="c1", name="web", image_id="i", image_reference="r", config=ContainerConfig(), status="exited", exit_code=7
)
NO_VARIABLES: Mapping[str, str] = {}


def evidence(
    detail: ContainerDetail | None, lines: Iterable[str], environment: Mapping[str, str] = NO_VARIABLES
) -> str:
    return evidence_of(detail, lines, environment=environment)


def test_a_container_that_is_gone_leaves_nothing_to_show() -> None:
    assert evidence(None, ()) == ""


def test_a_running_container_has_no_exit_code() -> None:
    assert evidence(replace(DETAIL, status="running"), ()) == ""


def test_the_engines_own_error_and_an_empty_probe_are_told() -> None:
    detail = replace(DETAIL, error="exec: no such file\n", health_log=("first", "  "))
    assert evidence(detail, ()).splitlines() == [
        "",
        "  exit code 7",
        "  engine: exec: no such file",
        "  last health check: (no output)",
    ]


def test_terminal_sequences_and_line_breaks_are_taken_out() -> None:
    hostile = "\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 a\tb\r\nc\u202e\x9b2J\x00"
    assert plain(hostile) == "red bell a b  c2J"


def test_empty_lines_are_left_out() -> None:
    assert evidence(None, ("", "\x1b[0m", " \x00", "x")) == "\n  last log lines:\n    x"


def test_the_newest_lines_survive_a_cut() -> None:
    text = evidence(DETAIL, ["a" * 1_500, "b" * 1_500, "the end"])
    assert text.startswith("\n  exit code 7\n  last log lines:" + CUT)
    assert text.endswith("\n    the end")
    assert len(text.encode()) <= LIMIT_BYTES


def test_a_huge_engine_error_leaves_room_for_log_lines() -> None:
    text = evidence(replace(DETAIL, error="e" * 10_000), ["the end"])
    assert CUT in text
    assert text.endswith("the end")


def test_secrets_of_the_environment_and_of_urls_are_masked_everywhere() -> None:
    environment = {
        "DB_PASSWORD": "hunter2",
        "TLS_KEY": "BEGIN\nc2Vj\tcmV0",
        "USER": "shop",
        "BELL_KEY": "\x07" * 5,
    }
    detail = replace(DETAIL, error="exec hunter2", health_log=("login shop:hunter2",))
    lines = ["hunt\x1b[1mer2", "c2Vj\tcmV0", "at db://a:b@x"]
    assert evidence(detail, lines, environment).splitlines()[2:] == [
        "  engine: exec ***",
        "  last health check: login shop:***",
        "  last log lines:",
        "    ***",
        "    ***",
        "    at db://***@x",
    ]


def test_a_secret_at_the_cut_is_masked_whole() -> None:
    text = evidence(None, ["hunter2-" * 1000], {"A_TOKEN": "hunter2-"})
    assert "hunter" not in text
    assert "unter" not in text


@given(st.text(), st.lists(st.text(), max_size=20), st.text())
def test_whatever_a_container_writes_the_evidence_is_bounded_and_printable(
    error: str, lines: list[str], probe: str
) -> None:
    text = evidence(replace(DETAIL, error=error, health_log=(probe,)), lines)
    assert len(text.encode()) <= LIMIT_BYTES
    assert all(char == "\n" or unicodedata.category(char)[0] != "C" for char in text)


def test_an_opened_secret_at_the_cut_leaves_no_half_of_itself() -> None:
    secret = "s3cret-" + "k" * 40
    for length in range(LIMIT_BYTES - 120, LIMIT_BYTES):
        told = evidence_of(DETAIL, (f"{secret}{'x' * length}",), environment={}, opened=(secret,))
        assert "k" not in told
