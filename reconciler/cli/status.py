"""``status``: every document in one table, worst first; its exit status tells drift and broken files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, names_argument, output_option, settings_options
from reconciler.cli.problems import concerning, located, prefix_of, problem_json, show_problems
from reconciler.cli.screen import Cell, Column
from reconciler.cli.status_page import LAST, show_page
from reconciler.core.next_step import BAD, next_step
from reconciler.core.record import Event, Record
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import statuses_json
from reconciler.core.status_text import TITLES, drift_word, reason_words, release_word, worst_first
from reconciler.core.words import age
from reconciler.spec.problem import Problem

if TYPE_CHECKING:
    from reconciler.controller.service import Service
    from reconciler.sources.files import Loaded

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
class _Besides:
    """What the page of one document needs beside its status."""

    record: Record
    events: tuple[Event, ...]
    source: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look found: statuses worst first, what else is to be known of those that were named, what is
    wrong in the files, what to do next, and what is wrong with the audit log. ``broken``: an error in the files is
    of what was asked for.
    """

    statuses: tuple[DocumentStatus, ...]
    besides: tuple[_Besides, ...]
    problems: tuple[Problem, ...]
    broken: bool
    advice: tuple[str, ...]
    audit: str


@command("status")
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

    Of named documents all is shown: every field that differs, and what was done last.

    Exit status: 0 all in sync, 2 something differs,
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
    besides = tuple(_besides(invocation, service, loaded, item.name) for item in statuses) if names else ()
    return _Seen(
        statuses,
        besides,
        problems,
        concerning(loaded, names),
        tuple(filter(None, advice)),
        service.audit_problem(),
    )


def _besides(invocation: Invocation, service: Service, loaded: Loaded, name: str) -> _Besides:
    places = {item.name: item.source for item in loaded.documents}
    place = places.get(name)
    source = f"{prefix_of(invocation.settings.desired)}{place}" if place else ""
    events = sorted(service.events(name, limit=LAST), key=lambda event: event.at)
    return _Besides(service.record(name), tuple(events), source)


def _show(invocation: Invocation, seen: _Seen, *, names: Sequence[str], output: str) -> None:
    screen = invocation.screen
    ordered = seen.statuses
    if output == "json":
        screen.json({**statuses_json(ordered), "problems": [problem_json(item) for item in seen.problems]})
        return
    if seen.audit:
        screen.note(seen.audit, "red")
    show_problems(screen, seen.problems)
    if not ordered:
        if not seen.problems:
            screen.note(f"no documents in {invocation.settings.desired}")
        return
    if names:
        _pages(invocation, seen)
    else:
        screen.table(COLUMNS, [row(item, invocation.clock()) for item in ordered])
    for line in seen.advice:
        screen.note(f"next: {line}", "cyan")


def _pages(invocation: Invocation, seen: _Seen) -> None:
    screen, now = invocation.screen, invocation.clock()
    for place, (item, more) in enumerate(zip(seen.statuses, seen.besides, strict=True)):
        if place:
            screen.line()
        show_page(screen, item, record=more.record, events=more.events, source=more.source, now=now)


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
