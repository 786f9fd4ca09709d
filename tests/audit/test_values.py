from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit.fields import of_deed
from reconciler.audit.values import LONGEST_TEXT, Masker
from reconciler.core.audit import Account, Actor, Origin
from tests.audit.logs import deed

MASKER = Masker(b"m" * 32)
SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"PASSWORD={SECRET}",
        f"api_key: {SECRET}",
        f'{{"token": "{SECRET}"}}',
        f"https://ana:{SECRET}@example.com/x",
        f"Authorization: Bearer {SECRET}",
        f"basic {SECRET}",
        f"DB_PASSWORD = '{SECRET}', and more",
        f"cannot start: DB_PASSWORD={SECRET}",
        f"--build-arg=TOKEN={SECRET}",
        f"error: token: {SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_not_told(text: str) -> None:
    assert SECRET not in MASKER.text(text)


def test_a_key_of_age_is_not_told() -> None:
    assert MASKER.text("it is AGE-SECRET-KEY-1QQQQ").startswith("it is hmac:")


@given(st.text(min_size=4, alphabet=st.characters(codec="utf-8", exclude_characters="hmac:0123456789bdef…")))
def test_a_value_that_is_known_to_be_secret_is_told_nowhere(value: str) -> None:
    told = of_deed(
        "outcome",
        deed(
            action="x",
            document=f"d {value}",
            target=value,
            cause=f"because {value}{value}",
            account=Account(
                actor=Actor("user", value), origin=Origin(file=value, author=value), task=value, sensitive=(value,)
            ),
        ),
        MASKER,
        detail=f"said {value}",
    )
    assert value not in str({name: text for name, text in told.items() if name not in {"kind", "action"}}.values())


def test_the_same_value_has_the_same_tag_here_and_another_one_elsewhere() -> None:
    assert MASKER.tag("a-value") == MASKER.tag("a-value") != Masker(b"n" * 32).tag("a-value")
    assert MASKER.text(f"TOKEN={SECRET}") == f"TOKEN={MASKER.tag(SECRET)}"
    assert MASKER.text("no secret, only a colon: here") == "no secret, only a colon: here"
    assert MASKER.text("TOKEN=***") == "TOKEN=***"


def test_longer_secrets_go_before_those_that_begin_them() -> None:
    assert MASKER.text("a long-secret-value", ["long-secret", "long-secret-value", "x"]) == (
        f"a {MASKER.tag('long-secret-value')}"
    )


@given(st.text())
def test_every_text_can_be_written_and_is_bounded(text: str) -> None:
    found = MASKER.text(text)
    found.encode("utf-8")
    assert len(found) <= LONGEST_TEXT


def test_half_a_surrogate_pair_is_shown() -> None:
    assert MASKER.text("\ud800") == "\\ud800"


@pytest.mark.parametrize("word", ["a" * 100_000, "a=" * 50_000, "-.:" * 30_000])
def test_a_long_word_is_read_once(word: str) -> None:
    """An argument of a command may be one of 100 KiB; read anew from each character it would take minutes."""
    began = time.process_time()
    MASKER.text(f"command is [{word}], wanted [b]")
    assert time.process_time() - began < 5.0
