"""A secret shows itself to nobody who does not say so."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from reconciler.core.secret import PLACEHOLDER, Secret

VALUE = b"hunter2hunter2"


def test_a_secret_never_prints() -> None:
    secret = Secret(VALUE)
    for text in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>3}",
        f"{secret:<20}".strip(),
        repr([secret]),
    ):
        assert PLACEHOLDER in text
        assert VALUE.decode() not in text


def test_whoever_says_so_gets_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert Secret("ä".encode()).text() == "ä"


def test_what_is_no_text_is_not_shown_in_the_error() -> None:
    with pytest.raises(ValueError, match="is not UTF-8") as caught:
        Secret(b"\xff" + VALUE).text()
    assert caught.value.__cause__ is None
    assert VALUE.decode() not in str(caught.value)


def test_secrets_are_equal_when_their_bytes_are_and_have_no_hash() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(b"other")
    assert Secret(VALUE) != VALUE
    with pytest.raises(TypeError):
        hash(Secret(VALUE))


def test_a_secret_leaves_its_process_in_no_copy() -> None:
    for way in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            way(Secret(VALUE))
