"""The documents of the fleet: for whom each is, and on how many hosts it is as it is wished for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.orchestrator.pages.facts import DocumentFacts, FleetFacts
from reconciler.orchestrator.pages.parts import DOCUMENTS, document_link, notices, share
from reconciler.web.choosing import Leaf, address_of, all_in, asked_page, asked_text, form, search
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import nil, row, table, word

PAGE: Final = 200
TITLES: Final = ("Document", "For", "Converged", "Failed", "On its way", "Rollout", "From", "Trouble")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """``text`` is looked for in names, targets and troubles."""

    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> DocumentFilter:
        """What an address asks for."""
        return cls(text=asked_text(query), page=asked_page(query))

    def chosen(self, documents: Sequence[DocumentFacts]) -> tuple[DocumentFacts, ...]:
        """Those that it lets pass."""
        return tuple(item for item in documents if all_in(self.text, (item.name, item.targets, trouble(item))))

    def address(self, page: int) -> str:
        """Of another page of them."""
        return address_of(DOCUMENTS, {"q": self.text, "page": page})


def documents_page(
    layout: Layout, documents: Sequence[DocumentFacts], seen: FleetFacts, chosen: DocumentFilter
) -> str:
    """The page."""
    passing = chosen.chosen(documents)
    leaf = Leaf(chosen.page, PAGE, len(passing))
    shown = passing[leaf.first : leaf.first + leaf.shown]
    return layout.page(
        title_of(documents),
        h("h1", "Documents"),
        notices(seen),
        form(search("Filter", "q", chosen.text), path=DOCUMENTS, filters=bool(chosen.text)),
        _found(documents, chosen, leaf),
        table("Documents, worst first", TITLES, map(_row, shown), class_="list wishes") if shown else None,
        leaf.links(chosen.address),
        now=seen.now,
        here=DOCUMENTS,
    )


def title_of(documents: Sequence[DocumentFacts]) -> str:
    """What asks for a look, as short as a title."""
    failed = sum(bool(item.number("failed")) for item in documents)
    going = sum(bool(item.number("going")) for item in documents)
    words = ([f"{failed} failed somewhere"] if failed else []) + ([f"{going} on their way"] if going else [])
    return f"Documents: {', '.join(words)}" if words else "Documents"


def trouble(item: DocumentFacts) -> str:
    """What is in its way, the first of it; "" for nothing."""
    return next(_troubles(item), "")


def _troubles(item: DocumentFacts) -> Iterator[str]:
    yield from item.problems
    if item.rollout is not None and item.rollout.reason:
        yield f"rollout {item.rollout.state}: {item.rollout.reason}"
    for part in item.parts:
        if part.standing == "failed":
            yield f"{part.target}: {part.why or part.condition or 'not heard of'}"
    if not item.parts:
        yield "no host has it"


def _found(documents: Sequence[DocumentFacts], chosen: DocumentFilter, leaf: Leaf) -> Element:
    text = "No document is handed out; put one into the orchestrator's folder"
    if documents:
        text = leaf.words("document", len(documents), filtered=bool(chosen.text))
    return h("p", text, class_="found")


def _row(item: DocumentFacts) -> Element:
    failed, going = item.number("failed"), item.number("going") + item.number("held")
    cells: tuple[Child, ...] = (
        document_link(item.name),
        item.targets,
        share(item.number("good"), len(item.parts), "host"),
        h("span", str(failed), class_="word bad") if failed else nil("-"),
        h("span", str(going), class_="word busy") if going else nil("-"),
        word(item.rollout.state) if item.rollout else nil("-"),
        nil(item.source or "-"),
        h("span", trouble(item), class_="said"),
    )
    return row(TITLES, cells, id=f"document-{item.name}")
