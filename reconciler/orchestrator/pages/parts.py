"""Parts that several of the fleet's pages have: addresses, the way back, what is wrong, tables of tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from reconciler.core.rollout import Standing
from reconciler.core.words import age, count
from reconciler.orchestrator.pages.condition import CONDITIONS
from reconciler.orchestrator.pages.facts import FleetFacts, PartFacts
from reconciler.orchestrator.pages.standing import seconds
from reconciler.orchestrator.store.tasks import Kept
from reconciler.web.choosing import address_of
from reconciler.web.html import Child, Element, h
from reconciler.web.notices import troubles_and_problems
from reconciler.web.words import ago, code, nil, row, table, word

AGENTS: Final = "/"
DOCUMENTS: Final = "/documents"
ROLLOUTS: Final = "/rollouts"
TASKS: Final = "/tasks"
SECTIONS: Final = (("Agents", AGENTS), ("Documents", DOCUMENTS), ("Rollouts", ROLLOUTS), ("Tasks", TASKS))
LONGEST_ERROR: Final = 300
"""Characters of what went wrong that a table shows; the command line shows all."""

STANDINGS: Final[dict[Standing, str]] = {
    "good": "converged",
    "going": "on its way",
    "failed": "failed",
    "held": "held",
}
TASK_TITLES: Final = ("Task", "Agent", "Document", "State", "Asked", "Took", "Said")
WELL: Final = CONDITIONS[-1]
_NOTHING: Final = "-"


def agent_address(name: str) -> str:
    """Where an agent's page is."""
    return f"/agents/{quote(name, safe='')}"


def document_address(name: str) -> str:
    """Where a document's page is."""
    return f"{DOCUMENTS}/{quote(name, safe='')}"


def agent_link(name: str) -> Element:
    """An agent's name, which leads to it."""
    return h("a", name, href=agent_address(name))


def document_link(name: str) -> Element:
    """A document's name, which leads to it."""
    return h("a", name, href=document_address(name))


def label_link(key: str, value: str) -> Element:
    """A label, which leads to all that have it."""
    text = f"{key}={value}"
    return h("a", text, href=address_of(AGENTS, {"label": text}), class_="label")


def labels(found: Sequence[tuple[str, str]], most: int) -> Element:
    """So many of them: how many there are is for each host to say."""
    more = len(found) - most
    shown = (label_link(key, value) for key, value in found[:most])
    return h("span", shown, h("span", f"and {more} more", class_="quiet") if more > 0 else None, class_="labels")


def breadcrumb(title: str, address: str) -> Element:
    """The way back."""
    return h("nav", h("a", title, href=address), aria_label="You are here", class_="breadcrumb")


def notices(seen: FleetFacts) -> Iterator[Element]:
    """What is wrong with the whole."""
    return troubles_and_problems(
        seen.troubles,
        seen.problems,
        title="Not handed out as it is written:",
        all_by="reconciler fleet documents",
    )


def share(number: int, whole: int, noun: str) -> Child:
    """So many of so many, also as a bar."""
    if not whole:
        return nil(_NOTHING)
    bar = h("progress", value=number, max=whole, aria_label=f"{number} of {count(whole, noun)}")
    return h("span", bar, " ", h("span", f"{number} of {whole}", class_="share"))


def condition(part: PartFacts) -> Child:
    """How it stands there, where that is told of what is wished for; what is well steps back."""
    if part.condition == WELL:
        return h("span", part.condition, class_="quiet")
    return word(part.condition) if part.condition else nil(_NOTHING)


def sync(part: PartFacts) -> Child:
    """Whether anything differs; what is well steps back."""
    said = part.report.sync if part.report else ""
    if said == "Synced":
        return h("span", said, class_="quiet")
    return word(said) if said else nil(_NOTHING)


def generation(part: PartFacts) -> Child:
    """Which is wished for, and which the host has taken where that is another one."""
    if part.generation is None:
        return nil(_NOTHING)
    if part.taken is None or part.taken >= part.generation:
        return str(part.generation)
    return f"{part.taken} of {part.generation}"


def release(part: PartFacts) -> Child:
    """What runs there."""
    return code(part.report.release) if part.report and part.report.release else nil(_NOTHING)


def tasks_table(found: Iterable[Kept], now: float, *, agent: bool = True) -> Element:
    """The newest first; ``agent``: whose each is."""
    left = () if agent else ("Agent",)
    titles = tuple(title for title in TASK_TITLES if title not in left)
    rows = (_task(item, now, titles) for item in found)
    return table("Tasks, newest first", titles, rows, class_="list tasks")


def _task(kept: Kept, now: float, titles: Sequence[str]) -> Element:
    task = kept.task
    cells: dict[str, Child] = {
        "Task": (task.type, " ", h("code", task.id, class_="id")),
        "Agent": agent_link(task.target_id),
        "Document": document_link(task.document) if task.document else nil(_NOTHING),
        "State": word(kept.record.state),
        "Asked": h("span", ago(seconds(kept.created_at), now), " ago"),
        "Took": _took(kept),
        "Said": said_of(kept),
    }
    return row(titles, [cells[title] for title in titles], id=f"task-{task.id}")


def _took(kept: Kept) -> Child:
    """From when it was last handed out to its end."""
    if kept.completed_at is None or kept.assigned_at is None:
        return nil(_NOTHING)
    begun = seconds(kept.assigned_at)
    return age(begun, max(begun, seconds(kept.completed_at)))


def said_of(kept: Kept) -> str:
    """What went wrong; else who asked for it."""
    error = kept.record.result.error if kept.record.result else None
    if not error:
        return f"by {kept.task.actor.id}"
    return error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}…"
