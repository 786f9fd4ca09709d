"""``why`` and ``history``: what happened to one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, name_argument, output_option, settings_options
from reconciler.cli.screen import Cell, Column, Screen
from reconciler.core.desired import short_digest
from reconciler.core.past_text import EVENT_TITLES, OPERATION_TITLES, because, result_words
from reconciler.core.record import Event, Operation, Record, Revision
from reconciler.core.status_json import timestamp
from reconciler.core.words import age

VERSION: Final = 1
EVENTS: Final = tuple(
    Column(title.upper(), fixed=title not in {"Target", "Because"}, align="right" if title == "When" else "left")
    for title in EVENT_TITLES
)
OPERATIONS: Final = tuple(
    Column(
        title.upper(),
        fixed=title not in {"Release", "Result"},
        align="right" if title in {"Gen", "Started"} else "left",
    )
    for title in OPERATION_TITLES
)
_STYLES: Final = {"committed": "green", "intent": "blue", "undone": "red", "failed": "red"}


@command("why")
@name_argument
@click.option("--limit", type=click.IntRange(1, 1000), metavar="COUNT", default=50, help="At most so many [50].")
@output_option
@settings_options(*HOST)
@pass_invocation
def why(invocation: Invocation, *, name: str, limit: int, output: str) -> None:
    """Show the last actions on a document with their causes, newest last."""
    with invocation.service() as service:
        events = sorted(service.events(name, limit=limit), key=lambda event: event.at)
    screen = invocation.screen
    if output == "json":
        screen.json({"version": VERSION, "name": name, "events": [event_json(event) for event in events]})
    elif not events:
        screen.note(f"nothing was ever done for {name}")
    else:
        screen.table(EVENTS, event_rows(events, screen, invocation.clock()))


@command("history")
@name_argument
@output_option
@settings_options(*HOST)
@pass_invocation
def history(invocation: Invocation, *, name: str, output: str) -> None:
    """Show the generations of a document, newest last: each was one try to make a release run."""
    with invocation.service() as service:
        record = service.record(name)
    screen = invocation.screen
    if output == "json":
        screen.json(history_json(record))
    elif not record.operations:
        screen.note(f"{name} was never deployed")
    else:
        now = invocation.clock()
        screen.table(OPERATIONS, [_operation_row(record, item, screen, now) for item in record.operations])


def history_json(record: Record) -> dict[str, Any]:
    """The published form of a record."""
    return {
        "version": VERSION,
        "name": record.document,
        "quarantined": [
            {"release": _release(record, fingerprint), "fingerprint": fingerprint, "reason": reason}
            for fingerprint, reason in record.quarantined.items()
        ],
        "generations": [_operation_json(record, operation) for operation in record.operations],
    }


def _operation_json(record: Record, operation: Operation) -> dict[str, Any]:
    revision = record.revision(operation.fingerprint)
    return {
        "generation": operation.generation,
        "kind": operation.kind,
        "state": operation.state,
        "release": revision.release.id if revision else "",
        **(_images(revision) if revision else {"image": ""}),
        "fingerprint": operation.fingerprint,
        "startedAt": timestamp(operation.started_at),
        "endedAt": timestamp(operation.ended_at),
        "failure": operation.failure,
        "actor": operation.actor,
        "cause": operation.cause,
    }


def _images(revision: Revision) -> dict[str, Any]:
    """What ran: one image, or those of a project's services."""
    project = revision.desired.project
    if project is None:
        return {"image": str(revision.image)}
    return {"image": "", "images": {service.name: str(service.image) for service in project.services}}


def _operation_row(record: Record, operation: Operation, screen: Screen, now: float) -> tuple[Cell, ...]:
    revision = record.revision(operation.fingerprint)
    return (
        str(operation.generation),
        operation.kind,
        (operation.state, _STYLES[operation.state]),
        revision.release.id if revision else "-",
        short_digest(revision.digest) if revision else "-",
        _when(operation.started_at, screen, now),
        result_words(record, operation),
    )


def _release(record: Record, fingerprint: str) -> str:
    revision = record.revision(fingerprint)
    return revision.release.id if revision else ""


def event_json(event: Event) -> dict[str, Any]:
    return {
        "at": timestamp(event.at),
        "action": event.action,
        "target": event.target,
        "cause": event.cause,
        "outcome": event.outcome,
        "detail": event.detail,
        "actor": event.actor,
        "generation": event.generation,
    }


def event_rows(events: Sequence[Event], screen: Screen, now: float) -> list[tuple[Cell, ...]]:
    """A row under ``EVENTS`` for each. For eyes, a cause is told where it differs from that before."""
    rows: list[tuple[Cell, ...]] = []
    before = ""
    for event in events:
        result, why = (event.outcome, _STYLES.get(event.outcome, "")), because(event)
        told = "" if screen.terminal and why == before else why
        rows.append((_when(event.at, screen, now), event.action, result, event.target, told))
        before = why
    return rows


def _when(then: float, screen: Screen, now: float) -> str:
    """Short for eyes, exact for whoever reads a pipe."""
    return age(then, now) if screen.terminal else timestamp(then) or "-"
