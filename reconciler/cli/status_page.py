"""One document, for whoever wants to know all of it: what is wanted, what runs and differs, what was done last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.cli.past import EVENTS, event_rows
from reconciler.cli.screen import Cell, Column, Screen
from reconciler.core.desired import short_digest
from reconciler.core.drift import Drift
from reconciler.core.record import Event, Record
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import timestamp
from reconciler.core.words import age, count

LAST: Final = 5
"""Events that are shown."""

PHASES: Final = {
    "Converged": "green",
    "Reconciling": "blue",
    "RolledBack": "yellow",
    "Held": "magenta",
    "Failed": "red",
    "Blocked": "red",
}
DRIFT: Final = (Column("DRIFT"), Column("PATH", fixed=False), Column("DIFFERENCE", fixed=False))


def show_page(
    screen: Screen, item: DocumentStatus, *, record: Record, events: Sequence[Event], source: str, now: float
) -> None:
    """``events``: the last ones, oldest first; ``source``: where the document is written, "" where it is gone."""
    screen.line(item.name, "bold")
    screen.facts(list(_facts(screen, item, record=record, source=source, now=now)))
    if item.drift:
        screen.line(f"\n{count(len(item.drift), 'difference')}", "bold")
        screen.table(DRIFT, [_drift(one) for one in item.drift])
    if events:
        screen.line("\nlast done", "bold")
        screen.table(EVENTS, event_rows(events, screen, now))


def _facts(
    screen: Screen, item: DocumentStatus, *, record: Record, source: str, now: float
) -> Iterator[tuple[str, Cell]]:
    from reconciler.cli.status import STYLES

    yield "sync", (f"{item.sync} {_lasting(item.since, screen, now)}".rstrip(), STYLES[item.sync])
    yield "health", (item.health, STYLES[item.health])
    yield "phase", (item.phase, PHASES[item.phase])
    yield "reason", item.reason
    yield "wanted", _release(item.desired_release, item.desired_digest)
    yield "running", _release(item.running_release, item.running_digest) or "nothing"
    if item.suspension is not None:
        until = timestamp(item.suspension.until)
        words = f"by {item.suspension.by}" + (f" until {until}" if until else "") + f": {item.suspension.reason}"
        yield "suspended", (words, "cyan")
    yield "quarantine", (item.quarantined if item.quarantined != item.reason else "", "yellow")
    if record.failures and record.retry_at > now:
        yield "next try", f"in {age(now, record.retry_at)}, after {count(record.failures, 'failure')}"
    yield "last", _last(item, record, screen, now)
    yield "sticker", item.sticker
    yield "target", item.target
    yield "file", source


def _release(release: str, digest: str) -> str:
    return f"{release}  {short_digest(digest)}".rstrip() if release else ""


def _last(item: DocumentStatus, record: Record, screen: Screen, now: float) -> str:
    operation = record.last
    if operation is None:
        return item.last_action
    when = _time(operation.ended_at or operation.started_at, screen, now)
    ago = f" {when} ago" if screen.terminal else f" at {when}"
    return item.last_action + (ago if when else "")


def _lasting(then: float, screen: Screen, now: float) -> str:
    """``for 2h``, or since which moment."""
    when = _time(then, screen, now)
    return f"{'for' if screen.terminal else 'since'} {when}" if when else ""


def _time(then: float, screen: Screen, now: float) -> str:
    """Short for eyes, exact for whoever reads a pipe; "" where it is not known."""
    if not then:
        return ""
    return age(then, now) if screen.terminal else timestamp(then) or ""


def _drift(one: Drift) -> tuple[Cell, ...]:
    return (one.kind, "yellow"), one.path, f"wanted {one.wanted}, found {one.found}"
