"""Layout: the frame around every page. It names style and script by address; nothing on a page runs or loads from
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.web.assets import Asset
from reconciler.web.html import Child, Element, h, page
from reconciler.web.words import at


@dataclass(frozen=True, slots=True)
class Layout:
    """``host`` is what this host is called; ``number`` that of the last change which a page was made of.
    ``sections``: titles and addresses of what every page leads to; ``first``: what the first page shows.
    """

    assets: Mapping[str, Asset]
    host: str
    version: str
    number: int = 0
    sections: tuple[tuple[str, str], ...] = ()
    first: str = "All documents"

    def page(self, title: str, *content: Child, now: float = 0.0, live: bool = True, here: str = "") -> str:
        """A whole page. ``now`` is when it was made; ``live``: the script keeps it up to date; ``here``: the
        address of the section that it belongs to.
        """
        body = self._body(content, now=now, here=here)
        return page(h("html", self._head(title, live=live), body, lang="en", class_="page"))

    def _head(self, title: str, *, live: bool) -> Element:
        style, script, icon = (self.assets[name].address for name in ("status.css", "status.js", "icon.svg"))
        return h(
            "head",
            h("meta", charset="utf-8"),
            h("title", f"{title} · {self.host}"),
            h("meta", name="viewport", content="width=device-width, initial-scale=1"),
            h("meta", name="color-scheme", content="light dark"),
            h("meta", name="robots", content="noindex"),
            h("link", rel="icon", href=icon, type="image/svg+xml"),
            h("link", rel="stylesheet", href=style),
            h("script", src=script, defer=True) if live else None,
        )

    def _body(self, content: Child, *, now: float, here: str) -> Element:
        live = h("span", id="live", class_="live", data_keep=True)
        stamp = h("p", live, "as of ", at(now), class_="stamp") if now else None
        return h(
            "body",
            h("a", "To the content", href="#content", class_="skip"),
            h(
                "header",
                h("a", "reconciler", href="/", class_="brand"),
                h("span", self.host, class_="host"),
                self._sections(here),
                stamp,
                class_="top",
            ),
            h("main", content, id="content", tabindex=-1),
            h("footer", h("span", f"reconciler {self.version}"), class_="bottom"),
            h("p", id="told", class_="unseen", role="status", data_keep=True),
            data_number=self.number,
        )

    def _sections(self, here: str) -> Element | None:
        if not self.sections:
            return None
        links = (
            h("a", title, href=address, aria_current="page" if address == here else None)
            for title, address in self.sections
        )
        return h("nav", links, aria_label="Sections", class_="sections")

    def notice(self, title: str, text: str, *, live: bool = True) -> str:
        """A page that says one thing."""
        return self.page(title, h("h1", title), h("p", text), h("p", h("a", self.first, href="/")), live=live)
