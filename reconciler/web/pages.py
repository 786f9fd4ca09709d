"""Pages: from an address to the text of a page. Asks ``Facts``, which may block: to be called in a thread."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.web.choosing import asked_number
from reconciler.web.document import EVENTS, breadcrumb, document_page
from reconciler.web.facts import Facts, Overview
from reconciler.web.filter import Filter
from reconciler.web.html import h
from reconciler.web.layout import Layout
from reconciler.web.overview import notices, overview_page
from reconciler.web.past import events_section, generation_content
from reconciler.web.routes import Answer, Asked, Routes

EVENTS_PAGE = 100
"""Events on a page of their own."""

ONE = "/documents/{name}"


def host_routes(facts: Facts) -> Routes:
    """The pages of one host."""

    def document(layout: Layout, asked: Asked) -> Answer:
        return Pages(facts, layout).document(asked.named["name"])

    def events(layout: Layout, asked: Asked) -> Answer:
        return Pages(facts, layout).events(asked.named["name"], asked.query)

    def generation(layout: Layout, asked: Asked) -> Answer:
        return Pages(facts, layout).generation(asked.named["name"], int(asked.named["number"]))

    return {
        "/": lambda layout, asked: Pages(facts, layout).overview(asked.query),
        ONE: document,
        f"{ONE}/events": events,
        ONE + r"/generations/{number:[0-9]{1,9}}": generation,
    }


class Pages:
    """All there are."""

    def __init__(self, facts: Facts, layout: Layout) -> None:
        self._facts = facts
        self._layout = layout

    def overview(self, query: Mapping[str, str]) -> Answer:
        """The table of documents."""
        return 200, overview_page(self._layout, self._facts.overview(), Filter.of(query))

    def document(self, name: str) -> Answer:
        """One document."""
        portrait, seen = self._facts.portrait(name), self._facts.overview()
        if portrait is None:
            return self._unknown(name, seen)
        found = self._facts.events(name, before=0, limit=EVENTS + 1)
        return 200, document_page(self._layout, portrait, seen, found[:EVENTS], more=len(found) > EVENTS)

    def events(self, name: str, query: Mapping[str, str]) -> Answer:
        """Its events, from one on."""
        before = asked_number(query, "before")
        found, seen = self._facts.events(name, before=before, limit=EVENTS_PAGE + 1), self._facts.overview()
        if not found and not self._facts.record(name).operations:
            return self._unknown(name, seen)
        section = events_section(name, found[:EVENTS_PAGE], seen.now, more=len(found) > EVENTS_PAGE)
        title = f"Events of {name}"
        return 200, self._layout.page(title, breadcrumb(name), h("h1", title), section, now=seen.now)

    def generation(self, name: str, number: int) -> Answer:
        """One generation, and what it changed."""
        record, seen = self._facts.record(name), self._facts.overview()
        operation = next((item for item in record.operations if item.generation == number), None)
        if operation is None:
            return self._unknown(f"generation {number} of {name}", seen)
        title = f"Generation {number} of {name}"
        content = generation_content(record, operation)
        return 200, self._layout.page(title, breadcrumb(name), h("h1", title), content, now=seen.now)

    def _unknown(self, what: str, seen: Overview) -> Answer:
        said = h("p", f"Nothing is known here of {what}.")
        content = (breadcrumb(), h("h1", "Not found"), notices(seen), said)
        return 404, self._layout.page("Not found", *content, now=seen.now)
