"""JSON that means one thing to everybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.strict_json import DEEPEST, LARGEST, canonical, read

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT
VALUES = st.recursive(LEAVES, lambda below: st.lists(below) | st.dictionaries(TEXT, below), max_leaves=20)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)


@given(OBJECTS)
def test_what_is_written_is_read_as_it_was_and_written_the_same(value: dict[str, Any]) -> None:
    text = canonical(value)
    assert read(text, limit=len(text)) == value
    assert canonical(read(json.dumps(value, indent=1), limit=10**6)) == text


def test_keys_are_sorted_as_the_rfc_wants_it() -> None:
    """By UTF-16: an emoji before a ligature, which sorting by code point turns round."""
    text = canonical({"\ufb33": 1, "\U0001f600": 2, "b": [True, None], "a": "é\n"})
    assert text == '{"a":"é\\n","b":[true,null],"\U0001f600":2,"\ufb33":1}'.encode()


REFUSED = {
    "NaN": ('{"a":NaN}', "no integer"),
    "infinity": ('{"a":-Infinity}', "no integer"),
    "a float": ('{"a":1.0}', "no integer"),
    "an exponent": ('{"a":1e3}', "no integer"),
    "a large number": (f'{{"a":{LARGEST + 1}}}', "too large"),
    "an endless number": ('{"a":' + "9" * 5000 + "}", "too large"),
    "a key twice": ('{"a":1,"a":1}', "a key twice"),
    "a key twice below": ('{"a":[{"b":1,"\\u0062":2}]}', "a key twice"),
    "half a pair": ('{"a":"\\ud800"}', "no Unicode"),
    "half a pair as a key": ('{"\\udc00":1}', "no Unicode"),
    "deep": ('{"a":' + "[" * DEEPEST + "]" * DEEPEST + "}", "too deeply"),
    "very deep": ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
    "a list": ("[]", "not a JSON object"),
    "nothing": ("", "not JSON"),
    "two": ("{} {}", "not JSON"),
    "other bytes": (b"\xff", "not JSON"),
    "another encoding": ('{"a":1}'.encode("utf-16"), "not JSON"),
    "huge": ('{"a":"' + "x" * 300_000 + '"}', "larger than"),
}


@pytest.mark.parametrize(("text", "told"), REFUSED.values(), ids=REFUSED)
def test_what_readers_take_differently_is_refused(text: str | bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(text, limit=250_000)


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), b"a", {1: 2}, {"a": {1}}, LARGEST + 1, -LARGEST - 1, "\ud800"]
)
def test_what_has_no_canonical_form_is_not_written(value: Any) -> None:
    with pytest.raises(ValueError, match="holds"):
        canonical(value)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    try:
        value = read(text, limit=1000)
    except ValueError:
        return
    assert read(canonical(value), limit=1000) == value
