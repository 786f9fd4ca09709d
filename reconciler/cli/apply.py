"""``apply``: one pass until every document converged or failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.exits import Exit, of_outcomes
from reconciler.cli.files import read_bounded
from reconciler.cli.helping import command
from reconciler.cli.interrupts import interruptible
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, WORK, names_argument, output_option, settings_options
from reconciler.cli.problems import concerning, located, show_problems
from reconciler.cli.progress import progress
from reconciler.cli.screen import Cell, Column, Screen
from reconciler.core.next_step import BAD, next_step
from reconciler.core.plan_json import VERSION as PLAN_VERSION
from reconciler.core.words import count, spent
from reconciler.errors import InputError

if TYPE_CHECKING:
    from reconciler.controller.applied import Applied
    from reconciler.controller.service import Service
    from reconciler.core.record import Record

VERSION: Final = 1
COLUMNS: Final = (
    Column("DOCUMENT", fixed=False),
    Column("OUTCOME"),
    Column("WORK"),
    Column("REASON", fixed=False),
)
STYLES: Final = {
    "converged": "green",
    "rolled-back": "yellow",
    "failed": "red",
    "held": "magenta",
    "blocked": "magenta",
}


@command("apply")
@names_argument
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    help="Do this saved plan; refused when either side moved.",
)
@output_option
@settings_options(*HOST, *WORK)
@pass_invocation
@click.pass_context
def apply(
    context: click.Context, invocation: Invocation, *, names: tuple[str, ...], plan_file: Path | None, output: str
) -> None:
    """Make the host follow the documents, once.

    Exit status: 0 converged, 3 rolled back, 4 failed, 5 held or blocked, 1 error; the worst of all documents.
    The first Ctrl-C begins nothing more and lets what is under way end (130); the second stops at once.
    """
    expected = read_plan(plan_file) if plan_file else None
    with invocation.service(exclusive=True) as service:
        loaded = service.loaded()
        show_problems(invocation.screen, located(loaded.problems, invocation.settings.desired))
        capped = _capped(invocation, service) if invocation.settings.prune else ""
        prune = invocation.settings.prune and not capped
        began = invocation.clock()
        try:
            with interruptible(invocation.screen), progress(invocation.screen, invocation.clock) as report:
                results = service.apply(names, expected=expected, progress=report, prune=prune)
        except KeyboardInterrupt:
            _tell_stopped(invocation, service, names, began=began, output=output)
            context.exit(Exit.INTERRUPTED)
        advice = advice_on(service, results)
    show_results(invocation.screen, results, output=output)
    for line in advice:
        invocation.screen.note(f"next: {line}", "cyan")
    if capped:
        invocation.screen.note(f"not pruned: {capped}", "magenta")
    worst = of_outcomes([*(item.outcome for item in results), *(["held"] if capped else [])])
    context.exit(Exit.ERROR if worst == Exit.DONE and concerning(loaded, names) else worst)


def _tell_stopped(
    invocation: Invocation, service: Service, names: Sequence[str], *, began: float, output: str
) -> None:
    """What ended before or after the interruption, and what is left for the next pass."""
    plans = service.plans(names)
    records = [service.record(plan.document) for plan in plans]
    show_results(invocation.screen, ended_since(records, began), output=output)
    left = ", ".join(plan.document for plan in plans if plan.changes)
    invocation.screen.note(
        f"stopped; the next pass goes on with {left}" if left else "stopped; nothing is left to do"
    )


def ended_since(records: Iterable[Record], began: float) -> tuple[Applied, ...]:
    """What the records tell of operations that ended since then (seconds since the epoch)."""
    from reconciler.controller.applied import Applied

    last = ((record.document, record.last) for record in records)
    return tuple(
        Applied(
            name=name,
            outcome="converged" if item.state == "committed" else "rolled-back" if item.restored else "failed",
            error="" if item.state == "committed" else item.failure or "interrupted, taken back",
        )
        for name, item in last
        if item is not None and item.state != "intent" and item.ended_at >= began
    )


def _capped(invocation: Invocation, service: Service) -> str:
    """Why nothing is pruned this time: too much at once wants a person's word."""
    from reconciler.core.pruning import over_the_cap

    removals = [plan.document for plan in service.prunable()]
    cap_percent = invocation.settings.prune_cap_percent
    return over_the_cap(removals, len(service.loaded().documents), cap_percent=cap_percent)


def advice_on(service: Service, results: Sequence[Applied]) -> tuple[str, ...]:
    """A next step for each document that needs one."""
    lines = (next_step(service.record(item.name), item.outcome) for item in results if item.outcome in BAD)
    return tuple(filter(None, lines))


def read_plan(path: Path) -> Mapping[str, Any]:
    """A plan that ``plan --out`` saved. Raises InputError when it is none."""
    try:
        value = json.loads(read_bounded(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a saved plan: no JSON", hint="make one with plan --out FILE") from error
    if not isinstance(value, dict) or "basis" not in value or "documents" not in value:
        raise InputError(f"{path} is not a saved plan", hint="make one with plan --out FILE")
    if value.get("version") != PLAN_VERSION:
        raise InputError(f"{path} is a plan of version {value.get('version')}; this program reads {PLAN_VERSION}")
    return value


def show_results(screen: Screen, results: Sequence[Applied], *, output: str) -> None:
    """What came of each document."""
    if output == "json":
        screen.json(results_json(results))
    elif not results:
        screen.note("nothing to do")
    else:
        screen.table(COLUMNS, [_row(item) for item in results])


def results_json(results: Sequence[Applied]) -> dict[str, Any]:
    """The published form of results."""
    return {"version": VERSION, "documents": [_json(item) for item in results]}


def _json(item: Applied) -> dict[str, Any]:
    actions = [
        {
            "action": outcome.action.kind,
            "target": outcome.action.target,
            "cause": outcome.action.cause,
            "outcome": outcome.kind,
            "durationMs": outcome.duration_ms,
        }
        for outcome in item.outcomes
    ]
    return {"name": item.name, "outcome": item.outcome, "error": item.error, "actions": actions}


def _row(item: Applied) -> tuple[Cell, ...]:
    took = spent(sum(outcome.duration_ms for outcome in item.outcomes))
    work = f"{count(len(item.outcomes), 'action')} in {took}" if item.outcomes else "-"
    return item.name, (item.outcome, STYLES[item.outcome]), work, item.error or item.remark
