"""The endpoints for machines: metrics, health, readiness.

Decides how answers look; what is healthy and ready, and what the metrics say, is handed in. Reading only: no
method but GET and HEAD, no path but the named ones, and nothing about the software in headers or errors.

Invariant: health and readiness are answered from memory in the event loop, so they answer while an engine or
a scrape hangs; metrics are rendered in a thread that nothing else uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from reconciler.web.site import Site

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format, as every version of it understands it."""

RENDER_WITHIN_S = 8.0
"""A little less than Prometheus' default scrape timeout, so that it gets our answer and not its own."""

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Check = Callable[[], tuple[bool, str]]
"""Whether all is well, and if not, why. Answers from memory: it is called in the event loop."""


def make_app(
    render_metrics: Callable[[], bytes],
    ready: Check,
    healthy: Check,
    *,
    render_within_s: float = RENDER_WITHIN_S,
    site: Site | None = None,
) -> web.Application:
    """The application with ``/metrics``, ``/healthz`` and ``/readyz``, and the status page of ``site``.

    ``render_metrics`` is called in a thread; it gives Prometheus' text format, version 0.0.4.
    """
    app = web.Application()
    renderer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")

    async def metrics(_request: web.Request) -> web.Response:
        rendering = asyncio.get_running_loop().run_in_executor(renderer, render_metrics)
        try:
            body = await asyncio.wait_for(rendering, render_within_s)
        except TimeoutError:
            return _text(f"metrics were not rendered within {render_within_s:g} s", status=503)
        return web.Response(body=body, headers={"Content-Type": METRICS_CONTENT_TYPE})

    async def end_renderer(_app: web.Application) -> AsyncIterator[None]:
        yield
        renderer.shutdown(wait=False, cancel_futures=True)

    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", _answer(healthy))
    app.router.add_get("/readyz", _answer(ready))
    if site is not None:
        site.add_to(app)
    app.on_response_prepare.append(_secure)
    app.cleanup_ctx.append(end_renderer)
    return app


def _answer(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        good, reason = check()
        return _text(reason or "ok", status=200 if good else 503)

    return answer


def _text(line: str, *, status: int) -> web.Response:
    return web.Response(text=f"{line}\n", status=status)


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    """Pages may bring a policy of their own; the server's name and version are nobody's business."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)
