"""Bodies of requests and answers: read strictly, by the schema of the API; pages and cursors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from reconciler import strict_json
from reconciler.errors import InputError, MessageRefused
from reconciler.protocol.reading import values
from reconciler.protocol.wire.limits import DEFAULT
from reconciler.protocol.wire.rules import API, check

MOST: Final = 1_000
USUAL: Final = 100


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


def answer(value: Mapping[str, Any], status: int = 200) -> web.Response:
    """JSON."""
    return web.Response(body=strict_json.canonical(dict(value)), status=status, content_type="application/json")


def limit_of(request: web.Request) -> int:
    """How many items a page has. Raises InputError."""
    found = number_of(request, "limit", USUAL)
    if not 1 <= found <= MOST:
        raise InputError(f"limit={found} is not from 1 to {MOST}")
    return found


def number_of(request: web.Request, name: str, default: int) -> int:
    """A whole number of the query. Raises InputError."""
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InputError(f"{name}={text[:40]!r} is no number", hint="use what was answered as 'next'")
    return int(text)


def page_of(
    items: list[dict[str, Any]], limit: int, cursor: Callable[[dict[str, Any]], str], **beside: Any
) -> web.Response:
    """A page, of one item more than it has where there is another page. ``beside``: what it tells beside them."""
    shown = items[:limit]
    more = {"next": cursor(shown[-1])} if len(items) > limit else {}
    return answer({"items": shown, **beside, **more})
