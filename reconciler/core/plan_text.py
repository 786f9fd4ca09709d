"""Plans as text that can be read aloud: stable, plain, no colours, no widths to agree on.

    web  deploy  (restarts: 1)
      drift image       digest: wanted shop/web@bbbb, found shop/web@aaaa
      + pull-image           registry.example.com/shop/web@sha256:bbbb…
                             because the host does not have the image

A cause is printed where it differs from that of the Action before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.action import Action
from reconciler.core.plan import Plan
from reconciler.core.words import count

INDENT = " " * 25


def render(plans: Sequence[Plan]) -> str:
    """All plans, one block each, and a closing count. Ends with a newline."""
    blocks = ["\n".join(render_one(plan)) for plan in plans if not quiet(plan)]
    return "\n\n".join([*blocks, summary(plans)]) + "\n"


def quiet(plan: Plan) -> bool:
    """Nothing differs and nothing is to be done or said."""
    return not (plan.actions or plan.drift or plan.blocked)


def headline(plan: Plan) -> str:
    """What it is, and what it will cost."""
    return f"{plan.purpose}  (restarts: {plan.restarts})" if plan.actions else "no action"


def render_one(plan: Plan) -> Iterator[str]:
    """The lines of one plan."""
    yield f"{plan.document}  {headline(plan)}"
    if plan.blocked:
        yield f"  {plan.standstill}: {plan.blocked}"
    for item in plan.drift:
        yield f"  drift {item.kind:<15} {item.path}: wanted {item.wanted}, found {item.found}"
    yield from _actions(plan.actions)
    for note in plan.notes:
        yield f"  note: {note}"


def _actions(actions: Sequence[Action]) -> Iterator[str]:
    cause = ""
    for action in actions:
        yield f"  {action.sign:<3} {action.kind:<18} {action.target}"
        if action.cause != cause:
            yield f"{INDENT}because {action.cause}"
        cause = action.cause


def summary(plans: Sequence[Plan]) -> str:
    """The closing line: how many documents change, how many Actions, how many restarts."""
    changing = [plan for plan in plans if plan.changes]
    blocked = sum(bool(plan.blocked) for plan in plans)
    tail = f", {blocked} blocked or held" if blocked else ""
    if not changing:
        return f"{count(len(plans), 'document')}: nothing to do{tail}"
    counts = (
        count(sum(len(plan.actions) for plan in plans), "action"),
        count(sum(plan.restarts for plan in plans), "restart"),
    )
    return f"{len(changing)} of {count(len(plans), 'document')} to change: {', '.join(counts)}{tail}"
