"""Small pieces of pages: words with a shape of their own, times, tables, commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.core.status_json import timestamp
from reconciler.core.status_text import NOTHING
from reconciler.core.words import age
from reconciler.web.html import Child, Element, h

NEVER: Final = "never"
TONES: Final = {
    "Synced": "good",
    "Healthy": "good",
    "Converged": "good",
    "OutOfSync": "warn",
    "Blocked": "warn",
    "Held": "warn",
    "RolledBack": "bad",
    "Degraded": "bad",
    "Missing": "bad",
    "Failed": "bad",
    "Unknown": "odd",
    "Progressing": "busy",
    "Reconciling": "busy",
    "Suspended": "calm",
    "committed": "good",
    "intent": "busy",
    "undone": "bad",
    "done": "good",
    "failed": "bad",
    "current": "good",
    "stale": "warn",
    "absent": "warn",
    "corrupt": "bad",
    "forged": "bad",
    "unknown": "odd",
    "online": "good",
    "degraded": "warn",
    "offline": "bad",
    "revoked": "calm",
    "drained": "calm",
    "Refused": "bad",
    "converged": "good",
    "on its way": "busy",
    "held": "warn",
    "queued": "plain",
    "assigned": "busy",
    "accepted": "busy",
    "running": "busy",
    "succeeded": "good",
    "rolled-back": "bad",
    "expired": "warn",
    "going": "busy",
    "paused": "warn",
    "returning": "warn",
    "returned": "bad",
}
"""How a word looks. What it means is in the word: colour and shape only help to find it."""


def word(text: str, tone: str = "") -> Element:
    """A word of status, with its shape before it; ``tone`` where it is another one than usual."""
    return h("span", text, class_=f"word {tone or TONES.get(text, 'plain')}")


def ago(then: float, now: float) -> Element | str:
    """How long ago it was, with the time itself."""
    exact = timestamp(then)
    return h("time", age(then, now), datetime=exact, title=exact) if exact else "-"


def at(then: float) -> Element | str:
    """The time itself."""
    exact = timestamp(then)
    return h("time", exact.replace("T", " ").replace("Z", " UTC"), datetime=exact) if exact else "-"


def code(text: str) -> Element:
    """A value, an address or a command, as it is written."""
    return h("code", text)


def nil(text: str) -> Child:
    """A text; where it only says that there is nothing, so that it can step back."""
    return h("span", text, class_="nil") if text in {NOTHING, NEVER} else text


def labelled(title: str, control: Element, *, for_: str) -> Element:
    """A control with its name."""
    return h("div", h("label", title, for_=for_), control, class_="field")


def facts_list(facts: Iterable[tuple[str, Child]]) -> Element:
    """Names with what they stand for."""
    items = (h("li", h("span", title, class_="key"), " ", h("span", value)) for title, value in facts)
    return h("ul", items, class_="facts")


def table(
    caption: str, titles: Sequence[str], rows: Iterable[Sequence[Child] | Element], *, class_: str = ""
) -> Element:
    """A table with a caption for those who cannot see it, in a box that scrolls where it is too wide. A row is its
    cells, or a ``row`` of one's own.
    """
    head = h("tr", (h("th", title, scope="col", role="columnheader") for title in titles), role="row")
    body = (item if isinstance(item, Element) else row(titles, item) for item in rows)
    return h(
        "table",
        h("caption", caption, class_="unseen"),
        h("thead", head, role="rowgroup"),
        h("tbody", body, role="rowgroup"),
        class_=class_ or None,
        role="table",
    )


def row(titles: Sequence[str], cells: Sequence[Child], *, id: str = "", class_: str = "") -> Element:  # noqa: A002
    """A row whose first cell names it. On narrow screens each cell says its title."""
    first, *others = zip(titles, cells, strict=True)
    return h(
        "tr",
        h("th", first[1], scope="row", role="rowheader", data_title=first[0]),
        (h("td", cell, role="cell", data_title=title) for title, cell in others),
        id=id or None,
        class_=class_ or None,
        role="row",
    )
