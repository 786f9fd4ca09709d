"""``orchestrator admin`` and ``events``: who may operate a fleet, and what happened in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from reconciler.cli.fleet_client import VERSION, json_option
from reconciler.cli.helping import Command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.cli.orchestrator_home import home_option
from reconciler.core.words import age

FOLDER: Final = click.Path(path_type=Path, file_okay=False)


@click.command("admin", cls=Command, short_help="Make a certificate for a person, or take it back.")
@click.argument("name")
@click.option("--viewer", is_flag=True, help="One who only looks.")
@click.option("--out", type=FOLDER, metavar="DIR", help="Folder for fleet.json and passport.pem, made new.")
@click.option("--revoke", is_flag=True, help="What was made for this name until now counts no more.")
@home_option
@settings_options()
@pass_invocation
def admin(
    invocation: Invocation, /, *, name: str, viewer: bool, out: Path | None, revoke: bool, home: Path
) -> None:
    """Make a certificate for a person who operates the fleet, for 90 days; or let those of a name count no more.

    Works also while the orchestrator runs.
    """
    from reconciler.orchestrator.people import make_person, revoke_person

    actor, screen = f"user:{invocation.actor()}", invocation.screen
    if revoke == (out is not None):
        raise click.UsageError("say either --out DIR or --revoke")
    if out is None:
        revoke_person(home, name, viewer=viewer, actor=actor)
        screen.line(f"{name} is revoked")
        return
    screen.line(str(make_person(home, name, out, viewer=viewer, actor=actor)))


@click.command("events", cls=Command, short_help="Show what happened in the fleet.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@home_option
@json_option
@settings_options()
@pass_invocation
def events(invocation: Invocation, /, *, limit: int, home: Path, as_json: bool) -> None:
    """Show what happened in the fleet, the newest first: who joined, what was refused, what was handed out."""
    from reconciler.cli.screen import Column
    from reconciler.orchestrator.people import events_of

    found = events_of(home, limit)
    if as_json:
        rows = [
            {"at": f"{item.at:%Y-%m-%dT%H:%M:%SZ}", "actor": item.actor, "what": item.what, "about": item.about}
            | ({"detail": item.detail} if item.detail else {})
            for item in found
        ]
        invocation.screen.json({"version": VERSION, "events": rows})
        return
    now = invocation.clock()
    titles = ("WHEN", "WHO", "WHAT", "ABOUT", "DETAIL")
    invocation.screen.table(
        [Column(title, fixed=title in {"WHEN", "WHAT"}) for title in titles],
        [[age(item.at.timestamp(), now), item.actor, item.what, item.about, item.detail] for item in found],
    )
