"""The containers of a document, each field by field, and what their health checks said. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.comparison import Field, Standing
from reconciler.core.words import count
from reconciler.web.facts import Part
from reconciler.web.html import Child, Element, h
from reconciler.web.words import code, table

TITLES: Final = ("Field", "Wanted", "Running", "")
_SAID: Final[dict[Standing, str]] = {"same": "", "differs": "differs", "ignored": "ignored"}
OPEN_BELOW: Final = 4
"""With so many containers or more, those that are as they should be are folded."""


def containers(parts: Sequence[Part]) -> Iterator[Element]:
    """A section each."""
    for part in parts:
        yield _container(part, fold=len(parts) >= OPEN_BELOW)


def _container(part: Part, *, fold: bool) -> Element:
    loud = [item for item in part.fields if item.standing != "same"]
    same = [item for item in part.fields if item.standing == "same"]
    title = f"container-{part.name}"
    return h(
        "section",
        h("h2", "Container ", code(part.name), id=title),
        h("p", f"{part.state}, id ", code(part.id), class_="since"),
        table(f"What differs in {part.name}", TITLES, map(_row, loud), class_="fields") if loud else None,
        _same(part.name, same, unfolded=not loud and not fold) if same else None,
        _health_log(part),
        id=f"part-{part.name}",
        aria_labelledby=title,
    )


def _same(name: str, fields: Sequence[Field], *, unfolded: bool) -> Element:
    return h(
        "details",
        h("summary", f"{count(len(fields), 'field')} as wanted"),
        table(f"What is as wanted in {name}", TITLES[:3], (_row(item)[:3] for item in fields), class_="fields"),
        id=f"same-{name}",
        open=unfolded,
    )


def _row(item: Field) -> tuple[Child, ...]:
    said = _SAID[item.standing]
    mark = h("span", said, class_=f"word {'warn' if said == 'differs' else 'calm'}") if said else ""
    return code(item.path), code(item.wanted), code(item.found), mark


def _health_log(part: Part) -> Element | None:
    if not part.health_log:
        return None
    return h(
        "div",
        h("h3", "What its last health checks said"),
        h("ol", (h("li", line) for line in part.health_log), class_="log"),
    )
