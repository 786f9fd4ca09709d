"""The rollouts: where each document is that goes out in waves. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, get_args

from reconciler.core.rollout import State
from reconciler.core.words import count
from reconciler.orchestrator.pages.facts import FleetFacts, RolloutFacts
from reconciler.orchestrator.pages.parts import ROLLOUTS, document_link, notices, share
from reconciler.web.choosing import address_of, asked_word, tallies, tally
from reconciler.web.html import Child, Element, h
from reconciler.web.layout import Layout
from reconciler.web.words import nil, row, table, word

TITLES: Final = ("Document", "State", "Strategy", "Have it", "At work", "Failed", "Queued", "Reason")
STATES: Final[tuple[str, ...]] = get_args(State)
MOST: Final = 500


def rollouts_page(
    layout: Layout, rollouts: Sequence[RolloutFacts], seen: FleetFacts, query: Mapping[str, str]
) -> str:
    """The page; ``query`` may say of which state."""
    state = asked_word(query, "state", STATES)
    shown = [item for item in rollouts if state in {"", item.state}]
    numbers = Counter(item.state for item in rollouts)
    halted = numbers["paused"]
    return layout.page(
        f"{count(halted, 'rollout')} paused" if halted else "Rollouts",
        h("h1", "Rollouts"),
        notices(seen),
        h("div", tallies("By state", (_tally(item, numbers[item], state) for item in numbers)), class_="tallies"),
        h("p", _found(len(shown), len(rollouts)), class_="found"),
        table("Rollouts, those first that wait for somebody", TITLES, map(_row, shown[:MOST]), class_="list waves")
        if shown
        else None,
        now=seen.now,
        here=ROLLOUTS,
    )


def _tally(state: str, number: int, now: str) -> Element:
    wish = "" if state == now else state
    return tally(state, number, address_of(ROLLOUTS, {"state": wish}), now=state == now)


def _found(shown: int, everything: int) -> str:
    if not everything:
        return "No document goes out in waves; spec.rollout says how"
    whole = count(everything, "rollout")
    return whole if shown == everything else f"{shown} of {whole}"


def _row(item: RolloutFacts) -> Element:
    cells: tuple[Child, ...] = (
        document_link(item.document),
        word(item.state),
        item.strategy,
        share(item.good, item.hosts, "host"),
        str(item.going) if item.going else nil("-"),
        h("span", str(item.failed), class_="word bad") if item.failed else nil("-"),
        str(item.queued) if item.queued else nil("-"),
        h("span", item.reason, class_="said"),
    )
    return row(TITLES, cells, id=f"rollout-{item.document}")
