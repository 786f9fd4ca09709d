"""Problems: how requests are refused (RFC 9457), and which error is which status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from reconciler import strict_json
from reconciler.errors import (
    AccessRefused,
    InputError,
    MessageRefused,
    NotKnown,
    ReconcilerError,
    RequestConflict,
    RequestStale,
    TemporaryError,
)

CONTENT_TYPE: Final = "application/problem+json"

KINDS: Final[tuple[tuple[type[ReconcilerError], tuple[int, str]], ...]] = (
    (AccessRefused, (403, "forbidden")),
    (NotKnown, (404, "not-known")),
    (RequestStale, (412, "stale")),
    (RequestConflict, (409, "conflict")),
    (InputError, (400, "invalid")),
    (TemporaryError, (503, "unavailable")),
)
"""The first that an error is."""

log = structlog.get_logger("reconciler.orchestrator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is told. ``kind`` names the kind of problem; ``where`` a place in the request."""

    status: int
    kind: str
    title: str
    detail: str = ""
    where: str = ""

    def response(self) -> web.Response:
        """The answer."""
        told = {"type": self.kind, "title": self.title[:1024] or self.kind, "status": self.status}
        more = {"detail": self.detail[:4096], "where": self.where[:1024]}
        body = strict_json.canonical({**told, **{key: text for key, text in more.items() if text}})
        return web.Response(body=body, status=self.status, content_type=CONTENT_TYPE)


def problem_of(error: ReconcilerError) -> Problem:
    """An error in the words of the API."""
    status, kind = _kind(error)
    where = error.where if isinstance(error, MessageRefused) else ""
    return Problem(status=status, kind=kind, title=error.message, detail=error.hint, where=where)


def _kind(error: ReconcilerError) -> tuple[int, str]:
    if isinstance(error, MessageRefused):
        return (413, "too-large") if error.reason == "too-large" else (400, error.reason)
    return next((found for kind, found in KINDS if isinstance(error, kind)), (500, "failed"))


@web.middleware
async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as Problems; what nobody expected is logged, and told to nobody."""
    try:
        return await handler(request)
    except AccessRefused:
        raise  # the guard answers it, and records it
    except ReconcilerError as error:
        found = problem_of(error)
        if found.status >= 500:
            log.warning("a request failed", path=request.path, error=str(error))
        return found.response()
    except web.HTTPException as error:
        return Problem(status=error.status, kind="http", title=error.reason).response()
    except Exception:
        log.exception("a request failed")
        return Problem(status=500, kind="failed", title="the orchestrator failed at this request").response()
