"""``events``: what was done to documents, in the order in which it happened, and as it happens."""

from __future__ import annotations

import json
from typing import Final

import click

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, names_argument, output_option, settings_options
from reconciler.cli.past import event_json, event_rows
from reconciler.cli.screen import Column, Screen, one_line
from reconciler.controller.service import Service
from reconciler.core.past_text import because
from reconciler.core.record import Event
from reconciler.core.status_json import timestamp

VERSION: Final = 1
LOOK_EVERY_S: Final = 0.5
MOST_AT_ONCE: Final = 1000
COLUMNS: Final = (
    Column("WHEN", align="right"),
    Column("DOCUMENT"),
    Column("ACTION"),
    Column("RESULT"),
    Column("TARGET", fixed=False),
    Column("BECAUSE", fixed=False),
)


@command("events")
@names_argument
@click.option("-w", "--watch", is_flag=True, help="Go on, until Ctrl-C.")
@click.option("--limit", type=click.IntRange(0, 1000), metavar="COUNT", default=20, help="So many of before [20].")
@output_option
@settings_options(*HOST)
@pass_invocation
def events(invocation: Invocation, *, names: tuple[str, ...], watch: bool, limit: int, output: str) -> None:
    """Show what was done to documents, and go on showing it with --watch.

    Newest last. With --watch, each event is one line; with --json too, each is one line of JSON.
    """
    with invocation.service() as service:
        found = service.events_after(0, names, limit=limit or 1)
        before = [event for _, event in found] if limit else []
        if watch:
            newest = found[-1][0] if found else 0
            _follow(invocation, service, names, before=before, newest=newest, output=output)
            return
    if output == "json":
        told = [_json(event) for event in before]
        invocation.screen.json({"version": VERSION, "events": told})
    elif before:
        _table(invocation, before)
    else:
        invocation.screen.note("nothing was ever done")


def _json(event: Event) -> dict[str, object]:
    return {"document": event.document, **event_json(event)}


def _table(invocation: Invocation, found: list[Event]) -> None:
    screen = invocation.screen
    rows = zip(found, event_rows(found, screen, invocation.clock()), strict=True)
    screen.table(COLUMNS, [(when, event.document, *rest) for event, (when, *rest) in rows])


def _follow(
    invocation: Invocation,
    service: Service,
    names: tuple[str, ...],
    *,
    before: list[Event],
    newest: int,
    output: str,
) -> None:
    """Show each event as it comes, until somebody ends us."""
    screen = invocation.screen
    for event in before:
        _line(screen, event, output)
    while True:
        for number, event in service.events_after(newest, names, limit=MOST_AT_ONCE):
            newest = number
            _line(screen, event, output)
        invocation.sleep(LOOK_EVERY_S)


def _line(screen: Screen, event: Event, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(_json(event)))
        return
    what = f"{event.action} {event.target}".rstrip()
    told = f"{timestamp(event.at)}  {event.document}  {event.outcome}  {what}"
    why = one_line(because(event))
    screen.line(f"{told}: {why}" if why else told, "red" if event.outcome == "failed" else "")
