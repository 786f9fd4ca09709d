"""Values in one canonical form, so that equal ones give equal bytes on every host and in every version. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def declared(value: Any) -> Any:
    """A dataclass, mapping or sequence as plain JSON values, without what is None."""
    if hasattr(value, "__dataclass_fields__"):
        value = {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): declared(item) for key, item in value.items() if item is not None}
    if isinstance(value, tuple | list):
        return [declared(item) for item in value]
    return value


def canonical_json(value: Any) -> bytes:
    """Sorted, compact, ASCII JSON of integers, strings, booleans, lists and objects.

    Raises ValueError for floats that are not finite. Our values hold no floats at all.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
