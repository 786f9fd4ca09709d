"""``fleet``: the agents of an orchestrator, as its operator sees them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from reconciler.cli.fleet_change import get, put, remove
from reconciler.cli.fleet_client import VERSION, fleet_option, json_option, open_fleet
from reconciler.cli.fleet_documents import documents
from reconciler.cli.fleet_label import label
from reconciler.cli.fleet_rollout import STYLES as ROLLOUT_STYLES
from reconciler.cli.fleet_rollout import line_of, rollout
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.core.words import age

STYLES: Final = {"online": "green", "degraded": "yellow", "offline": "red", "stale": "red"}
MOST: Final = 10_000


@group("fleet")
def fleet() -> None:
    """Show and change the agents and documents of an orchestrator.

    Who asks shows a certificate: --fleet names the settings that 'orchestrator init' made.
    """


for command in (documents, put, get, remove, rollout, label):
    fleet.add_command(command)


@fleet.command("status", short_help="Show each agent: there or not, and what it holds.")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def status(invocation: Invocation, /, *, fleet: Path, as_json: bool) -> None:
    """Show each agent: whether it was heard of, how its documents stand, when its certificate ends; below them
    each rollout that is not done.

    online: heard of within 2 minutes; degraded: within 5; offline: within an hour; stale: longer ago, or never.
    """
    from reconciler.cli.screen import Column

    client = open_fleet(fleet)
    agents = list(client.pages("/v1/agents", {}, most=MOST))
    rolled = {item["id"]: item["rollout"] for item in client.pages("/v1/documents", {}, most=MOST) if _rolls(item)}
    if as_json:
        rollouts = [{"document": name, **found} for name, found in rolled.items()]
        invocation.screen.json({"version": VERSION, "agents": agents, "rollouts": rollouts})
        return
    if not agents:
        invocation.screen.note("no agent has joined; invite one with 'reconciler orchestrator token'")
        return
    columns = ("AGENT", "STATE", "SEEN", "DOCUMENTS", "CERTIFICATE", "LABELS")
    now = invocation.clock()
    invocation.screen.table(
        [Column(title, fixed=title != "LABELS") for title in columns], [_row(item, now) for item in agents]
    )
    for name, found in rolled.items():
        invocation.screen.line(line_of(name, found), ROLLOUT_STYLES[found["state"]])


@fleet.command("revoke", short_help="Let an agent's certificates count no more.")
@click.argument("name")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def revoke(invocation: Invocation, /, *, name: str, fleet: Path, as_json: bool) -> None:
    """Let an agent's certificates count no more, at once, and join tokens for it neither.

    What runs on its host stays. It comes back with a new join token, under the same name.
    """
    _told(
        invocation,
        open_fleet(fleet).ask("POST", f"/v1/agents/{quote(name, safe='')}/revoke"),
        f"{name} is revoked",
        as_json,
    )


@fleet.command("drain", short_help="Give an agent no new tasks.")
@click.argument("name")
@click.option("--end", is_flag=True, help="Give it tasks again.")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def drain(invocation: Invocation, /, *, name: str, end: bool, fleet: Path, as_json: bool) -> None:
    """Give an agent no new tasks; those that are asked for wait. Its documents stay assigned."""
    answer = open_fleet(fleet).ask("PATCH", f"/v1/agents/{quote(name, safe='')}", body={"drained": not end})
    _told(invocation, answer, f"{name} is {'no longer ' if end else ''}drained", as_json)


def _rolls(document: Any) -> bool:
    """Whether it goes out in waves and is not everywhere yet."""
    return bool(document.get("rollout", {}).get("state", "done") != "done")


def _told(invocation: Invocation, answer: Any, words: str, as_json: bool) -> None:  # noqa: FBT001
    if as_json:
        invocation.screen.json({"version": VERSION, "agent": answer})
    else:
        invocation.screen.line(words)


def _row(agent: Any, now: float) -> list[Any]:
    state = "revoked" if agent["revoked"] else agent["presence"]
    shown = f"{state}, drained" if agent["drained"] and not agent["revoked"] else state
    documents = agent["documents"]
    synced = sum(item.get("sync") == "synced" for item in documents)
    labels = ", ".join(f"{key}={value}" for key, value in sorted(agent["labels"].items()))
    return [
        agent["id"],
        (shown, STYLES.get(state, "red")),
        age(seconds_of(agent.get("lastSeenAt")), now),
        f"{synced}/{len(documents)}" if documents else "-",
        _left(agent.get("certificateEndsAt"), now),
        labels,
    ]


def _left(ends: str | None, now: float) -> str:
    then = seconds_of(ends)
    if not then:
        return "-"
    return age(now, then) if then > now else ("expired")


def seconds_of(text: str | None) -> float:
    """A time of the API in seconds since the epoch; 0 for none."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0
