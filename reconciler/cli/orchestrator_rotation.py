"""``orchestrator rotate-ca``: a new root in place of the authority's, step by step, with nobody locked out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.fleet_client import VERSION, json_option
from reconciler.cli.helping import Command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.cli.orchestrator_home import home_option

if TYPE_CHECKING:
    from reconciler.orchestrator.rotating import Rotation

STEPS: Final = ("introduce", "switch", "retire")
PHASES: Final = {
    "steady": "one root is trusted, and signs",
    "introduced": "a new root is trusted beside the old one, which signs",
    "overlap": "the new root signs; the old one is still trusted",
}
PEOPLE: Final = (
    "take admin/ of the folder along anew; certificates of other people are made anew by hand after each step: "
    "'reconciler orchestrator admin'"
)


@click.command("rotate-ca", cls=Command, short_help="Replace the authority's root, step by step.")
@click.argument("step", required=False, type=click.Choice(STEPS))
@click.option("--force", is_flag=True, help="Lock out those that are not ready; they enroll anew.")
@home_option
@json_option
@settings_options()
@pass_invocation
def rotate_ca(invocation: Invocation, /, *, step: str | None, force: bool, home: Path, as_json: bool) -> None:
    """Replace the root of the authority while the fleet runs, in three steps; without a STEP: show where it is.

    introduce makes a new root that is trusted beside the old one. switch signs under the new one. retire trusts
    the old one no more. A step is refused while an agent whose certificate counts would be locked out by it;
    agents renew by themselves within a day. Works also while the orchestrator runs.
    """
    from reconciler.orchestrator.rotating import look, take

    known: dict[str, Any] = {"force": force, "actor": f"user:{invocation.actor()}"}
    found = look(home) if step is None else take(home, step, **known)  # type: ignore[arg-type]  # a Choice of them
    if as_json:
        return invocation.screen.json(_told(found))
    _show(invocation, found, stepped=step is not None)
    return None


def _told(found: Rotation) -> dict[str, Any]:
    roots = found.roots
    return {
        "version": VERSION,
        "phase": roots.phase,
        "signing": roots.signing,
        "trusted": list(roots.trusted),
        "since": f"{roots.since:%Y-%m-%dT%H:%M:%SZ}",
        "next": roots.next_step,
        "waiting": [
            {"agent": item.agent, "presence": item.presence, "reason": item.reason} for item in found.waiting
        ],
    }


def _show(invocation: Invocation, found: Rotation, *, stepped: bool) -> None:
    from reconciler.cli.screen import Column

    screen, roots = invocation.screen, found.roots
    screen.line(f"{PHASES[roots.phase]} (since {roots.since:%Y-%m-%dT%H:%M:%SZ})")
    for root in roots.trusted:
        screen.line(f"  {root[:16]}{' signs' if root == roots.signing else ''}")
    if found.waiting:
        screen.line(f"not ready for '{roots.next_step}':")
        columns = [Column("AGENT", fixed=True), Column("STATE", fixed=True), Column("WHY")]
        screen.table(columns, [[item.agent, item.presence, item.reason] for item in found.waiting])
    elif roots.phase != "steady":
        screen.note(f"next: 'reconciler orchestrator rotate-ca {roots.next_step}'", style="dim")
    if stepped:
        screen.note(PEOPLE, style="dim")
