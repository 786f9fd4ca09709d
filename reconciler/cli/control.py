"""``suspend``, ``resume`` and ``clear``: what an operator tells the controller about one document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import click

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, name_argument, output_option, settings_options
from reconciler.config import parse_seconds
from reconciler.core.desired import Suspension
from reconciler.core.status_json import timestamp

VERSION: Final = 1


@command("suspend")
@name_argument
@click.option("--reason", required=True, help="Why; shown wherever the document is shown.")
@click.option("--by", metavar="NAME", help="Who asks for it [you].")
@click.option("--until", metavar="TIME", help="When it ends: 2026-12-01T08:00:00Z, or without Z in UTC.")
@click.option("--for", "lasting", metavar="DURATION", help="How long it lasts: 30m, 2h, 1d.")
@output_option
@settings_options(*HOST)
@pass_invocation
def suspend(
    invocation: Invocation,
    /,
    *,
    name: str,
    reason: str,
    by: str | None,
    output: str,
    **ends: str | None,
) -> None:
    """Leave a document's container alone for a time; what differs stays visible."""
    end = end_of(**ends, now=invocation.clock())
    if not reason.strip():
        raise click.UsageError("--reason must say something")
    suspension = Suspension(by=by or invocation.actor(), reason=reason.strip(), until=end)
    with invocation.service() as service:
        service.suspend(name, suspension)
    if output == "json":
        invocation.screen.json(
            {
                "version": VERSION,
                "name": name,
                "by": suspension.by,
                "reason": suspension.reason,
                "until": timestamp(end),
            }
        )
        return
    end_words = timestamp(end) or f"`reconciler resume {name}`"
    invocation.screen.line(f"{name} is suspended until {end_words}")


@command("resume")
@name_argument
@output_option
@settings_options(*HOST)
@pass_invocation
def resume(invocation: Invocation, *, name: str, output: str) -> None:
    """End a suspension that was made with suspend."""
    with invocation.service() as service:
        changed = service.resume(name)
    _answer(invocation, name, changed=changed, output=output, said=("goes on", "was not suspended"))


@command("clear")
@name_argument
@output_option
@settings_options(*HOST)
@pass_invocation
def clear(invocation: Invocation, *, name: str, output: str) -> None:
    """End quarantine, hold and backoff of a document: it is tried again at once."""
    with invocation.service() as service:
        changed = service.clear(name)
    said = ("is cleared and will be tried again", "had nothing to clear")
    _answer(invocation, name, changed=changed, output=output, said=said)


def end_of(*, until: str | None, lasting: str | None, now: float) -> float | None:
    """Seconds since the epoch at which a suspension ends, None: when resumed. Raises click.UsageError."""
    if until and lasting:
        raise click.UsageError("--until and --for exclude each other")
    try:
        if lasting:
            return now + parse_seconds(lasting)
        if not until:
            return None
        moment = datetime.fromisoformat(until)
    except ValueError as error:
        allowed = "a time such as 2026-12-01T08:00:00Z" if until else error
        raise click.UsageError(f"{until or lasting!r} is not allowed; allowed: {allowed}") from error
    end = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if end <= now:
        raise click.UsageError(f"{until} is in the past")
    return end


def _answer(invocation: Invocation, name: str, *, changed: bool, output: str, said: tuple[str, str]) -> None:
    if output == "json":
        invocation.screen.json({"version": VERSION, "name": name, "changed": changed})
        return
    invocation.screen.line(f"{name} {said[0] if changed else said[1]}")
