"""``status``: every document in one table, worst first; its exit status tells drift and broken files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, names_argument, output_option, settings_options
from reconciler.cli.problems import concerning, located, problem_json, show_problems
from reconciler.cli.screen import Cell, Column, Screen
from reconciler.core.next_step import BAD, next_step
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import statuses_json
from reconciler.core.status_text import TITLES, drift_word, reason_words, release_word, worst_first
from reconciler.core.words import age, count
from reconciler.spec.problem import Problem

if TYPE_CHECKING:
    from reconciler.controller.service import Service

COLUMNS: Final = tuple(
    Column(
        title.upper(),
        fixed=title not in {"Document", "Release", "Reason"},
        align="right" if title == "Since" else "left",
    )
    for title in TITLES
)
STYLES: Final = {
    "Synced": "green",
    "Healthy": "green",
    "OutOfSync": "yellow",
    "Progressing": "blue",
    "Degraded": "red",
    "Missing": "red",
    "Suspended": "cyan",
    "Unknown": "magenta",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look found: statuses worst first, and what is wrong in the files, what to do next. ``broken``: an
    error in them is of what was asked for.
    """

    statuses: tuple[DocumentStatus, ...]
    problems: tuple[Problem, ...]
    broken: bool
    advice: tuple[str, ...]


@click.command("status")
@names_argument
@click.option("--watch", is_flag=True, help="Show it again and again until Ctrl-C.")
@click.option("--every", type=click.FloatRange(0.1, 3600), metavar="SECONDS", default=2.0, help="How often [2].")
@output_option
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def status(
    context: click.Context,
    invocation: Invocation,
    *,
    names: tuple[str, ...],
    watch: bool,
    every: float,
    output: str,
) -> None:
    """Show each document: in sync, healthy, since when and why. Worst first.

    Named documents are shown with every field that differs. Exit status: 0 all in sync, 2 something differs,
    1 error (also when a document cannot be read).
    """
    with invocation.service() as service:
        if watch:
            _watch(invocation, service, names=names, every=every, output=output)
        seen = _look(invocation, service, names)
        _show(invocation, seen, names=names, output=output)
    context.exit(Exit.ERROR if seen.broken else exit_of(seen.statuses))


def exit_of(statuses: Sequence[DocumentStatus]) -> Exit:
    """0 when every document is known to be in sync and nothing differs."""
    return Exit.DONE if all(item.sync == "Synced" and not item.drift for item in statuses) else Exit.DIFFERS


def row(item: DocumentStatus, now: float) -> tuple[Cell, ...]:
    """One document's cells under ``COLUMNS``."""
    return (
        item.name,
        (item.sync, STYLES[item.sync]),
        (item.health, STYLES[item.health]),
        release_word(item),
        _drift(item),
        age(item.since, now),
        reason_words(item),
    )


def _look(invocation: Invocation, service: Service, names: Sequence[str]) -> _Seen:
    statuses = tuple(worst_first(service.status(names)))
    loaded = service.loaded()
    problems = located(loaded.problems, invocation.settings.desired)
    advice = (next_step(service.record(item.name), item.phase) for item in statuses if item.phase in BAD)
    return _Seen(statuses, problems, concerning(loaded, names), tuple(filter(None, advice)))


def _show(invocation: Invocation, seen: _Seen, *, names: Sequence[str], output: str) -> None:
    screen = invocation.screen
    ordered = seen.statuses
    if output == "json":
        screen.json({**statuses_json(ordered), "problems": [problem_json(item) for item in seen.problems]})
        return
    show_problems(screen, seen.problems)
    if not ordered:
        if not seen.problems:
            screen.note(f"no documents in {invocation.settings.desired}")
        return
    screen.table(COLUMNS, [row(item, invocation.clock()) for item in ordered])
    if names:
        for item in ordered:
            _details(screen, item)
    for line in seen.advice:
        screen.note(f"next: {line}", "cyan")


def _details(screen: Screen, item: DocumentStatus) -> None:
    if item.drift:
        screen.line(f"\n{item.name}: {count(len(item.drift), 'difference')}")
        rows = [((one.kind, "yellow"), one.path, one.wanted, one.found) for one in item.drift]
        titles = (Column("DRIFT"), Column("PATH"), Column("WANTED", fixed=False), Column("FOUND", fixed=False))
        screen.table(titles, rows)


def _watch(invocation: Invocation, service: Service, *, names: tuple[str, ...], every: float, output: str) -> None:
    """Show the status whenever it changed (on a terminal: always), for as long as nobody interrupts."""
    shown: _Seen | None = None
    while True:
        seen = _look(invocation, service, names)
        if invocation.screen.terminal:
            click.clear()
        if invocation.screen.terminal or seen != shown:
            _show(invocation, seen, names=names, output=output)
        shown = seen
        invocation.sleep(every)


def _drift(item: DocumentStatus) -> Cell:
    return (drift_word(item), "yellow") if item.drift else drift_word(item)
