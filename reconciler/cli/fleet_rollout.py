"""``fleet rollout``: where a document's rollout is, and what a person decides about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from reconciler.cli.fleet_client import VERSION, fleet_option, json_option, open_fleet
from reconciler.cli.helping import Command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.errors import InputError

ACTIONS: Final = ("pause", "resume", "rollback")
STYLES: Final = {"going": "yellow", "paused": "red", "returning": "yellow", "returned": "red", "done": "green"}


@click.command("rollout", cls=Command, short_help="Show the rollout of a document; stop it, go on, take it back.")
@click.argument("name")
@click.argument("action", required=False, type=click.Choice(ACTIONS))
@fleet_option
@json_option
@settings_options()
@pass_invocation
def rollout(invocation: Invocation, /, *, name: str, action: str | None, fleet: Path, as_json: bool) -> None:
    """Show where the rollout of a document is, as its spec.rollout says; or decide about it.

    pause: nobody else gets the version. resume: go on, past the hosts that have failed until now. rollback: those
    that have it get their former version again, as many at once as the document says.
    """
    client, path = open_fleet(fleet), f"/v1/documents/{quote(name, safe='')}"
    if action is not None:
        found = client.ask("POST", f"{path}/rollout", body={"action": action})
    else:
        found = client.ask("GET", path).get("rollout")
    if found is None:
        raise InputError(f"the document {name} does not go out in waves", hint="spec.rollout says how")
    if as_json:
        return invocation.screen.json({"version": VERSION, "rollout": {"document": name, **found}})
    return invocation.screen.line(line_of(name, found), STYLES[found["state"]])


def line_of(name: str, found: Any) -> str:
    """All of it in one line."""
    counts = [f"{found['good']} of {found['hosts']} hosts have it"]
    counts += [f"{found[key]} {words}" for key, words in _COUNTED if found[key]]
    soak = [f"canaries are watched until {found['soakUntil']}"] if "soakUntil" in found else []
    reason = [found["reason"]] if "reason" in found else []
    return f"{name}: {found['strategy']}, {found['state']}: {'; '.join([', '.join(counts), *soak, *reason])}"


_COUNTED: Final = (
    ("going", "at work"),
    ("failed", "failed"),
    ("queued", "queued"),
    ("away", "of these away"),
)
