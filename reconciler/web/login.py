"""The form in which a browser shows the token, and what comes of it. Pure but for the request's body."""

from __future__ import annotations

import asyncio
import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from reconciler.web.html import Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import labelled

ADDRESS: Final = "/login"
LONGEST: Final = 4096
"""Bytes of a form."""

WITHIN_S: Final = 5.0
_PAGES: Final = re.compile(r"/(?:(?:agents|documents|rollouts|tasks)(?:[/?][!-~]*)?|\?[!-~]*)?")


def login_page(layout: Layout, *, to: str, said: str = "") -> str:
    """Asks for the token; ``to`` is the page that was asked for, ``said`` why it is asked again."""
    return layout.page(
        "Log in",
        h("h1", "Log in"),
        h("p", "What stands here of ", h("strong", layout.host), " is shown to who has the token."),
        h("p", said, class_="notice warn", role="alert") if said else None,
        _form(to),
        live=False,
    )


def _form(to: str) -> Element:
    token = h("input", id="token", name="token", type="password", autocomplete="current-password", required=True)
    return h(
        "form",
        labelled("Token", token, for_="token"),
        h("input", name="to", type="hidden", value=own_page(to)),
        h("button", "Log in", type="submit"),
        action=ADDRESS,
        method="post",
        class_="login",
    )


async def read_form(request: web.Request) -> dict[str, str]:
    """What was sent; nothing of what is too long or comes too slowly."""
    try:
        async with asyncio.timeout(WITHIN_S):
            body = await request.content.read(LONGEST + 1)
            while len(body) <= LONGEST and (more := await request.content.read(LONGEST + 1)):
                body += more
    except TimeoutError:
        return {}
    if len(body) > LONGEST:
        return {}
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=10, keep_blank_values=True)
    except ValueError:  # more fields than any form of ours has
        return {}
    return {name: values[0] for name, values in fields.items()}


def own_page(address: str) -> str:
    """The address where it is one of our pages, else the first one: nobody is sent elsewhere."""
    return address if _PAGES.fullmatch(address) else "/"


def from_our_page(request: web.Request) -> bool:
    """Whether a form was sent from this site, as far as the browser tells."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin", "")
    try:
        return not origin or urlsplit(origin).netloc == request.headers.get("Host", "")
    except ValueError:  # an address in brackets that is none
        return False
