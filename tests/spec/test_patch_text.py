"""Texts that differ: what is shown of them, and which values are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.spec.patch_text import unified

BEFORE = """\
# DB_PASSWORD was hunter0
spec:
  image: a/b
  config:
    environment:
      USER: shop
      DB_PASSWORD: hunter1  # was hunter0
      URL: db://a:hunter7@host
      TLS_KEY: |
        hunter3

        hunter4
      OTHER_TOKEN: "hunter5
        hunter6"
    labels: {a.secret: hunter8, b: two, auth: {x: hunter9}}
    user: app
"""
MASKED = """\
# ***
spec:
  image: a/b
  config:
    environment:
      USER: shop
      DB_PASSWORD: ***  # ***
      URL: db://***@host
      TLS_KEY: ***
        ***

        ***
      OTHER_TOKEN: ***
        ***
    labels: {a.secret: ***, b: two, auth: ***}
    user: app
"""


def test_secrets_are_masked_in_lines_that_change_and_in_those_around_them() -> None:
    patch = unified(BEFORE, BEFORE.replace("shop", "web").replace("hunter1", "hunter2"), "web.yaml")
    assert patch == (
        "--- a/web.yaml\n+++ b/web.yaml\n@@ -3,8 +3,8 @@\n"
        "   image: a/b\n   config:\n     environment:\n"
        "-      USER: shop\n-      DB_PASSWORD: ***  # ***\n"
        "+      USER: web\n+      DB_PASSWORD: ***  # ***\n"
        "       URL: db://***@host\n       TLS_KEY: ***\n         ***\n"
    )


def test_a_secret_is_masked_however_it_is_written() -> None:
    assert "".join(line[1:] for line in unified(BEFORE, "", "f").splitlines(keepends=True)[3:]) == MASKED


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_last_line_without_an_end_is_told(newline: str) -> None:
    mark = "\\ No newline at end of file\n"
    assert unified(f"a: 1{newline}b: 2", f"a: 1{newline}b: 3{newline}", "f").endswith(
        f" a: 1{newline}-b: 2\n{mark}+b: 3{newline}"
    )


def test_nothing_changed_is_no_patch() -> None:
    assert unified(BEFORE, BEFORE, "f") == ""


def test_of_a_text_that_cannot_be_read_nothing_is_shown() -> None:
    assert unified("A_KEY: [x\n", "A_KEY: y\n", "f").endswith("\n-***\n+A_KEY: ***\n")


def test_marks_before_a_text_move_nothing() -> None:
    assert unified("\ufeffA_KEY: old", "\ufeff# é😀\nA_KEY: new", "f").count("A_KEY: ***\n") == 2


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).map(lambda text: f"hunter{text}"))
def test_no_secret_value_is_ever_shown(value: str) -> None:
    quoted = value.replace("'", "''")
    patch = unified(f"A: 1\nB_KEY: '{quoted}'\nC: 1\n", f"A: 2\nB_KEY: '{quoted}'\nC: 1\n", "f")
    assert "hunter" not in patch
    assert "+A: 2\n" in patch
