"""Notices: what is wrong with the whole, above whatever a page is of. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.words import count
from reconciler.web.html import Element, h

MOST_PROBLEMS: Final = 20


def troubles_and_problems(
    troubles: Sequence[str], problems: Sequence[str], *, title: str, all_by: str
) -> Iterator[Element]:
    """``problems``: of files, below ``title``, the first of them; ``all_by``: the command that shows all."""
    for trouble in troubles:
        yield h("p", trouble, class_="notice bad")
    if problems:
        more = len(problems) - MOST_PROBLEMS
        yield h(
            "div",
            h("p", title),
            h("ul", (h("li", problem) for problem in problems[:MOST_PROBLEMS])),
            h("p", f"and {count(more, 'more problem')}: {all_by} shows all") if more > 0 else None,
            class_="notice warn",
        )
