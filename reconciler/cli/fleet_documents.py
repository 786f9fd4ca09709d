"""``fleet documents``: what is wished for, on which hosts it is, and why it is not on others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from reconciler.cli.fleet_client import VERSION, FleetClient, fleet_option, json_option, open_fleet
from reconciler.cli.fleet_rollout import line_of
from reconciler.cli.helping import Command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.core.selector_text import words_of

MOST: Final = 10_000


@click.command("documents", cls=Command, short_help="Show what is wished for, and on which hosts it is.")
@click.argument("name", required=False)
@click.option("--target", default="", metavar="HOST", help="Only what is assigned to this host.")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def documents(invocation: Invocation, /, *, name: str | None, target: str, fleet: Path, as_json: bool) -> None:
    """Show each document: for whom it is, on how many hosts it is held and in sync, and what is in its way.

    With a NAME: every host that has it, and those that it is for and that do not have it, with the reason.
    """
    client = open_fleet(fleet)
    if name is not None:
        return _show(invocation, client.ask("GET", f"/v1/documents/{quote(name, safe='')}"), as_json=as_json)
    found, problems = _all(client, {"target": target} if target else {})
    if as_json:
        return invocation.screen.json({"version": VERSION, "documents": found, "problems": problems})
    _table(invocation, found)
    for problem in problems:
        invocation.screen.note(problem, style="red")
    return None


def _all(client: FleetClient, query: dict[str, str]) -> tuple[list[Any], list[str]]:
    """All documents, and what is wrong in the folder."""
    found = list(client.pages("/v1/documents", query, most=MOST))
    return found, client.ask("GET", "/v1/documents", query={"limit": 1})["problems"]


def _table(invocation: Invocation, found: list[Any]) -> None:
    from reconciler.cli.screen import Column

    if not found:
        invocation.screen.note(
            "no documents: put some into the orchestrator's folder, or one with 'reconciler fleet put'"
        )
        return
    titles = ("DOCUMENT", "FROM", "FOR", "HOSTS", "HELD", "IN SYNC", "TROUBLE")
    columns = [Column(title, fixed=title not in {"FOR", "TROUBLE"}) for title in titles]
    invocation.screen.table(columns, [_row(item) for item in found])


def _row(item: Any) -> list[Any]:
    parts = item["assigned"]
    held = sum(part.get("heldVersion") == part["version"] for part in parts)
    synced = sum(part.get("sync") == "synced" for part in parts)
    trouble = next(_troubles(item), "")
    return [
        item["id"],
        item["source"],
        words_of(item["targets"]),
        str(len(parts)) if parts else ("none", "yellow"),
        f"{held}/{len(parts)}" if parts else "-",
        f"{synced}/{len(parts)}" if parts else "-",
        (trouble, "yellow"),
    ]


def _troubles(item: Any) -> Iterator[str]:
    yield from item["problems"]
    if "reason" in item.get("rollout", {}):
        yield f"rollout {item['rollout']['state']}: {item['rollout']['reason']}"
    yield from (f"{part['target']}: {part['refused']}" for part in item["assigned"] if "refused" in part)
    yield from (f"{part['target']}: {part['reason']}" for part in item["notAssigned"])
    if not item["assigned"]:
        yield "no host fits"


def _show(invocation: Invocation, item: Any, *, as_json: bool) -> None:
    from reconciler.cli.screen import Column

    screen = invocation.screen
    if as_json:
        return screen.json({"version": VERSION, "document": item})
    screen.line(f"{item['id']} is for {words_of(item['targets'])}; {item['actor']['id']}")
    if "rollout" in item:
        screen.line(line_of(item["id"], item["rollout"]))
    for problem in item["problems"]:
        screen.note(problem, style="red")
    rows = [[part["target"], *_standing(part)] for part in item["assigned"]]
    rows += [
        [part["target"], ("not assigned", "yellow"), "-", "-", part["reason"]] for part in item["notAssigned"]
    ]
    if not rows:
        return screen.note("no host fits")
    titles = ("HOST", "STATE", "GENERATION", "PHASE", "WHY")
    screen.table([Column(title, fixed=title != "WHY") for title in titles], rows)
    return None


def _standing(part: Any) -> list[Any]:
    if "refused" in part:
        state = ("refused", "red")
    elif part.get("heldVersion") == part["version"]:
        state = ("delivered", "green")
    else:
        state = ("on its way", "yellow")
    phase = ", ".join(part[key] for key in ("phase", "sync", "health") if key in part)
    why = part.get("reason", "") if state[0] == "delivered" else part.get("refused", "")
    return [state, str(part["generation"]), phase or "-", why]
