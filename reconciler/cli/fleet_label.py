"""``fleet label``: what an operator says of a host, by which documents and tasks choose it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import click

from reconciler.cli.fleet_client import VERSION, fleet_option, json_option, open_fleet
from reconciler.cli.helping import Command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.errors import InvalidSettings


@click.command("label", cls=Command, short_help="Give a host labels, or take some away.")
@click.argument("name")
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def label(invocation: Invocation, /, *, name: str, changes: Sequence[str], fleet: Path, as_json: bool) -> None:
    """Give a host labels (KEY=VALUE), or take some away (KEY-). Documents that choose by them follow at once.

    From then on these labels count, in place of those that the agent tells of its host.
    """
    client, path = open_fleet(fleet), f"/v1/agents/{quote(name, safe='')}"
    labels = changed(client.ask("GET", path)["labels"], changes)
    answer = client.ask("PATCH", path, body={"labels": labels})
    if as_json:
        return invocation.screen.json({"version": VERSION, "agent": answer})
    told = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return invocation.screen.line(f"{name}: {told or 'no labels'}")


def changed(labels: Mapping[str, str], changes: Sequence[str]) -> dict[str, str]:
    """Raises InvalidSettings for what is no change."""
    found = dict(labels)
    for change in changes:
        key, equals, value = change.partition("=")
        if equals and key and value:
            found[key] = value
        elif not equals and len(key) > 1 and key.endswith("-"):
            found.pop(key[:-1], None)
        else:
            raise InvalidSettings(f"{change!r} is neither KEY=VALUE nor KEY-")
    return found
