"""Bodies of requests: read strictly, by the schema of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.errors import MessageRefused
from reconciler.protocol.reading import values
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.protocol.wire.rules import API, check


def read_request(content: bytes, name: str) -> Mapping[str, Any]:
    """The body that the schema of this name allows. Raises MessageRefused."""
    value = values(content, DEFAULT)
    if not isinstance(value, dict):
        raise MessageRefused("the request is no JSON object", reason="invalid")
    try:
        check(f"{API}.{name}", value)
    except MessageRefused as error:
        error.about("the request is refused")
        raise
    return value
