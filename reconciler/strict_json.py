"""JSON that is signed, sealed or hashed: read strictly, written in the one form of RFC 8785.

JSON readers differ in what they make of a key that stands twice, of NaN, of 1.0 and of large numbers. What is
signed must mean one thing to everybody; so it holds none of these: numbers are integers that every reader holds
exactly (RFC 8785, 3.2.2.3), everything else is text, booleans, null, lists and objects.

Invariant: ``read(canonical(value)) == value`` for all that ``canonical`` takes, and whatever ``read`` gives
``canonical`` takes. Both raise ValueError for the rest, and the message holds none of the content.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import rfc8785

LARGEST: Final = 2**53 - 1
DEEPEST: Final = 32
"""Levels of lists and objects."""


def canonical(value: Any) -> bytes:
    """The bytes of RFC 8785. Raises ValueError for floats, large numbers, other types, deep nesting."""
    _check(value, DEEPEST)
    return rfc8785.dumps(value)


def read(content: bytes | str, *, limit: int) -> dict[str, Any]:
    """The object that stands there. Raises ValueError, also over ``limit`` bytes."""
    if len(content) > limit:
        raise ValueError(f"is larger than {limit} bytes")
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float, parse_int=_integer
        )
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004  (one kind of error for all)
    _check(value, DEEPEST)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("has a key twice in one object")
    return made


def _no_float(_text: str) -> NoReturn:
    raise ValueError("holds a number that is no integer")


def _integer(text: str) -> int:
    if len(text) > len(str(-LARGEST)):
        raise ValueError("holds a number that is too large")
    return int(text)


def _check(value: Any, levels: int) -> None:
    if isinstance(value, str):
        if not _encodable(value):
            raise ValueError("holds text that is no Unicode")
    elif isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError("holds a number that is too large")
    elif value is not None:
        _check_below(value, levels)


def _check_below(value: Any, levels: int) -> None:
    if not isinstance(value, dict | list | tuple):
        raise ValueError(f"holds a {type(value).__name__}")  # noqa: TRY004  (one kind of error for all)
    if levels == 0:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("holds a key that is no text")
        _check_below(list(value), levels)
        value = list(value.values())
    for item in value:
        _check(item, levels - 1)


def _encodable(text: str) -> bool:
    """Half of a surrogate pair is in no encoding."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
