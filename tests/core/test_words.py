"""Counts as people read them."""

from __future__ import annotations

from reconciler.core.words import listed


def test_of_many_the_first_are_named_and_the_others_counted() -> None:
    assert listed(["a", "b", "c"], most=3) == "a, b, c"
    assert listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert listed([], most=2) == ""
