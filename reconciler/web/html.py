"""HTML made of elements, so that everything is escaped and nothing else can be written.

    h("a", document.name, href=f"/documents/{document.name}", class_="name")

A text is always text: there is no way to say that one is markup. Tags and attributes are those of two closed
lists, in which nothing runs (no script without a file, no ``on…``, no ``style``), and a link leads to a path of
this site or into this page. What is refused is a bug of ours, a ValueError. Characters that cannot be seen, or
that turn the direction of a text, are shown as escapes. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

from reconciler.core.display import printable

_TAGS: Final = (
    "a body button caption code details div footer form h1 h2 h3 head header html input label li link main meta"
    " nav ol option p pre progress script section select small span strong summary table tbody td th thead time"
    " title tr ul"
)
_ATTRIBUTES: Final = (
    "action autocomplete charset class content datetime defer enterkeyhint for href id lang max maxlength method"
    " name open rel required role scope selected spellcheck src tabindex title type value"
)
TAGS: Final = frozenset(_TAGS.split())
VOID: Final = frozenset({"input", "link", "meta"})
EMPTY: Final = VOID | {"script"}
"""Elements that nothing can be in: of a script only its file is named."""

ATTRIBUTES: Final = frozenset(_ATTRIBUTES.split())
LINKS: Final = frozenset({"action", "href", "src"})
_OWN: Final = re.compile(r"(?:/(?![/\\])|[#?])[!-~]*")
"""A path of this site, a query or a place in this page, with everything else percent-encoded."""

Value = str | bool | int | None


@dataclass(frozen=True, slots=True)
class Element:
    """One element; what is in it is elements and texts."""

    tag: str
    attributes: tuple[tuple[str, str | None], ...]
    children: tuple[Element | str, ...]

    def __str__(self) -> str:
        return "".join(_written(self))


Child: TypeAlias = "Element | str | Iterable[Child] | None"


def h(tag: str, *children: Child, **attributes: Value) -> Element:
    """An element. ``class_`` and ``for_`` are written with an underscore, ``aria_label`` means ``aria-label``.
    None and False leave a child or an attribute out, True is an attribute without a value.
    """
    if tag not in TAGS or (children and tag in EMPTY):
        raise ValueError(f"no element is written as {tag!r} here")
    said = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    kept = tuple(
        (name, _attribute(name, value)) for name, value in said if value is not None and value is not False
    )
    return Element(tag, kept, tuple(_flat(children)))


def page(root: Element) -> str:
    """A whole page."""
    return f"<!doctype html>\n{root}\n"


def _attribute(name: str, value: str | int) -> str | None:
    """Its value; None for one that has none."""
    if name not in ATTRIBUTES and not name.startswith(("aria-", "data-")):
        raise ValueError(f"no attribute is written as {name!r} here")
    if name in LINKS and not _OWN.fullmatch(str(value)):
        raise ValueError(f"{name} does not stay on this site: {value!r}")
    return None if value is True else str(value)


def _flat(children: Iterable[Child]) -> Iterator[Element | str]:
    for child in children:
        if isinstance(child, Element | str):
            yield child
        elif child is not None:
            yield from _flat(child)


def _written(element: Element) -> Iterator[str]:
    yield f"<{element.tag}"
    for name, value in element.attributes:
        yield f" {name}" if value is None else f' {name}="{escape(printable(value))}"'
    yield ">"
    if element.tag in VOID:
        return
    for child in element.children:
        if isinstance(child, str):
            yield escape(printable(child), quote=False)
        else:
            yield from _written(child)
    yield f"</{element.tag}>"
