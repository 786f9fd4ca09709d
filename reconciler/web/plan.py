"""The plan of a document: what would be done now, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.action import Action
from reconciler.core.plan import Plan
from reconciler.core.plan_text import headline
from reconciler.web.html import Child, Element, h
from reconciler.web.words import code

_SIGNS: Final = {"+": "good", "~": "warn", "-/+": "busy", "-": "bad", " ": "plain"}


def plan_section(plan: Plan | None) -> Element:
    """What the last look concluded; None: nothing is known of the host."""
    return h("section", h("h2", "Plan", id="plan"), _content(plan), aria_labelledby="plan")


def _content(plan: Plan | None) -> Iterator[Child]:
    if plan is None:
        yield h("p", "Not known while the host cannot be looked at.", class_="quiet")
        return
    if plan.actions or plan.blocked:
        yield h("p", headline(plan), class_="since")
    else:
        yield h("p", "Nothing to do.", class_="quiet")
    if plan.blocked:
        yield h("p", h("strong", f"{plan.standstill}: "), plan.blocked, class_="notice warn")
    if plan.actions:
        yield h("ol", _actions(plan.actions), class_="plan")
    if plan.notes:
        yield h("ul", (h("li", f"note: {note}") for note in plan.notes), class_="notes")


def _actions(actions: Sequence[Action]) -> Iterator[Element]:
    """Each Action; its cause where it is another than that of the one before."""
    cause = ""
    for action in actions:
        yield h(
            "li",
            h("span", action.sign, class_=f"sign {_SIGNS[action.sign]}"),
            h("span", action.kind, class_="kind"),
            code(action.target),
            h("span", f"because {action.cause}", class_="because") if action.cause != cause else None,
        )
        cause = action.cause
