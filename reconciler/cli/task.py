"""``task``: ask agents for something, and see what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from reconciler.cli.exits import Exit
from reconciler.cli.fleet import seconds_of
from reconciler.cli.fleet_client import VERSION, FleetClient, fleet_option, json_option, open_fleet
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.core.words import age
from reconciler.errors import TemporaryError

TYPES: Final = (
    "deploy",
    "rollback",
    "health-check",
    "inspect",
    "execute-command",
    "upload-files",
    "write-sticker",
    "read-sticker",
)
STATES: Final = (
    *("queued", "assigned", "accepted", "running", "unknown"),
    *("succeeded", "failed", "rolled-back", "expired", "cancelled"),
)
OVER: Final = frozenset(STATES[4:])
PRIORITIES: Final = ("low", "normal", "high", "critical")
STYLES: Final = {
    "succeeded": "green",
    "rolled-back": "yellow",
    **dict.fromkeys(("failed", "unknown", "expired"), "red"),
}
LOOK_S: Final = 1.0
FILE: Final = click.Path(path_type=Path, dir_okay=False)
FOLDER: Final = click.Path(path_type=Path, file_okay=False)
EXITS: Final = {"succeeded": Exit.DONE, "rolled-back": Exit.ROLLED_BACK}


@group("task")
def task() -> None:
    """Ask agents for something, and see what came of it.

    Who asks shows a certificate: --fleet names the settings that 'orchestrator init' made.
    """


@task.command("submit", short_help="Ask one agent or many for something.")
@click.argument("kind", metavar="TYPE", type=click.Choice(TYPES))
@click.option("--target", default="", metavar="NAME", help="The agent; or all that --label selects.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Agents with this label; repeatable.")
@click.option("--document", default="", metavar="NAME", help="The document it is about.")
@click.option("--file", type=FILE, help="deploy: the document, as YAML.")
@click.option("--payload", type=FILE, help="What exactly, as JSON.")
@click.option("--from", "source", type=FOLDER, help="upload-files: the files below this folder.")
@click.option("--into", default="", metavar="DIR", help="upload-files: the folder on the host.")
@click.option("--command", default="", metavar="NAME", help="execute-command: its name in the host's policy.")
@click.option("--argument", "arguments", multiple=True, metavar="TEXT", help="One more for it; repeatable.")
@click.option("--service", default="", metavar="NAME", help="The service of a project that it runs in.")
@click.option("--credentials", type=FILE, help="Secrets as JSON; sealed here.")
@click.option("--key", default="", metavar="TEXT", help="Asked twice with one key, it is done once [random].")
@click.option("--timeout", type=click.IntRange(1, 86400), metavar="SECONDS", help="How long it may take [600].")
@click.option("--expires", type=click.IntRange(1), metavar="SECONDS", help="How long it may wait [3600].")
@click.option("--priority", type=click.Choice(PRIORITIES), help="Which documents come first [normal].")
@click.option("--wait", is_flag=True, help="Wait until all are over; the exit status says how.")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def submit(invocation: Invocation, /, *, fleet: Path, wait: bool, as_json: bool, **given: Any) -> int:
    """Ask each agent that is selected for one task.

    deploy takes the document from --file, or a whole payload; rollback needs --document. upload-files takes all
    files below the folder --from, and writes them below --into. execute-command takes --command. With
    --credentials one --target is named: they are sealed here, for that agent and this task, and nobody else opens
    them.
    """
    from reconciler.cli.task_request import Wanted, request_of

    client = open_fleet(fleet)
    found = client.ask("POST", "/v1/tasks", body=request_of(Wanted(**given), client))["items"]
    if wait:
        found = [_awaited(client, item["id"]) for item in found]
    if as_json:
        invocation.screen.json({"version": VERSION, "tasks": found})
    else:
        _table(invocation, found)
    return max((_exit(item["state"]) for item in found), default=Exit.DONE) if wait else Exit.DONE


@task.command("list", short_help="Show the newest tasks.")
@click.option("--target", default="", metavar="NAME", help="Of this agent.")
@click.option("--document", default="", metavar="NAME", help="About this document.")
@click.option("--state", type=click.Choice(STATES), help="In this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def list_(invocation: Invocation, /, *, fleet: Path, limit: int, as_json: bool, **given: Any) -> None:
    """Show the newest tasks, the newest first."""
    query = {key: value for key, value in given.items() if value}
    found = list(open_fleet(fleet).pages("/v1/tasks", query, most=limit))
    if as_json:
        invocation.screen.json({"version": VERSION, "tasks": found})
    elif found:
        _table(invocation, found)
    else:
        invocation.screen.note("no tasks")


@task.command("show", short_help="Show one task with its result.")
@click.argument("id_", metavar="ID")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def show(invocation: Invocation, /, *, id_: str, fleet: Path, as_json: bool) -> None:
    """Show one task: how far it is, and what came of it."""
    found = open_fleet(fleet).ask("GET", f"/v1/tasks/{quote(id_, safe='')}")
    if as_json:
        invocation.screen.json({"version": VERSION, "task": found})
        return
    for name, value in _facts(found):
        invocation.screen.line(f"{name:<12}{value}")


@task.command("cancel", short_help="Say that a task is not wanted any more.")
@click.argument("id_", metavar="ID")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def cancel(invocation: Invocation, /, *, id_: str, fleet: Path, as_json: bool) -> None:
    """Say that a task is not wanted any more. Work that has begun ends before its point of no return, or not."""
    found = open_fleet(fleet).ask("POST", f"/v1/tasks/{quote(id_, safe='')}/cancel")
    if as_json:
        invocation.screen.json({"version": VERSION, "task": found})
    elif found["state"] == "cancelled":
        invocation.screen.line("cancelled")
    else:
        invocation.screen.line(f"asked for; the task is {found['state']}, and its agent decides")


@task.command("logs", short_help="Show what a task said.")
@click.argument("id_", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on until it says nothing more.")
@fleet_option
@json_option
@settings_options()
@pass_invocation
def logs(invocation: Invocation, /, *, id_: str, follow: bool, fleet: Path, as_json: bool) -> None:
    """Show what a task said, as far as it has come."""
    client, begin, text, dropped = open_fleet(fleet), 0, "", 0
    while True:
        piece = client.ask("GET", f"/v1/tasks/{quote(id_, safe='')}/log", query={"from": begin})
        begin, dropped = piece["next"], piece["droppedChunks"]
        if as_json:
            text += piece["text"]
        elif piece["text"]:
            invocation.screen.line(piece["text"].rstrip("\n"))
        if piece["complete"] or (not piece["text"] and not (follow and _goes_on(client, id_))):
            break
        if not piece["text"]:
            invocation.sleep(LOOK_S)
    if as_json:
        told = {"text": text, "complete": piece["complete"], "droppedChunks": dropped}
        invocation.screen.json({"version": VERSION, "log": told})
    elif dropped:
        invocation.screen.note(f"{dropped} pieces were dropped for want of room", style="dim")


def _goes_on(client: FleetClient, id_: str) -> bool:
    return client.ask("GET", f"/v1/tasks/{quote(id_, safe='')}")["state"] not in OVER


def _awaited(client: FleetClient, id_: str) -> Any:
    """The task when it is over. An orchestrator that is away for a moment is asked again."""
    while True:
        try:
            found = client.ask("GET", f"/v1/tasks/{quote(id_, safe='')}")
            if found["state"] in OVER:
                return found
        except TemporaryError as error:
            click.echo(f"{error.message}; asked again", err=True)
        time.sleep(LOOK_S)


def _exit(state: str) -> Exit:
    return EXITS.get(state, Exit.FAILED)


def _table(invocation: Invocation, found: list[Any]) -> None:
    from reconciler.cli.screen import Column

    now = invocation.clock()
    rows = [
        [
            item["id"],
            item["type"],
            item["targetId"],
            (item["state"], STYLES.get(item["state"], "")),
            age(seconds_of(item["createdAt"]), now),
            item.get("document", "-"),
        ]
        for item in found
    ]
    titles = ("TASK", "TYPE", "TARGET", "STATE", "AGE", "DOCUMENT")
    invocation.screen.table([Column(title) for title in titles], rows)


def _facts(found: Any) -> list[tuple[str, str]]:
    result = found.get("result", {})
    observed = ", ".join(f"{key} {value}" for key, value in result.get("observed", {}).items())
    outputs = result.get("outputs", {})
    facts = {
        "task": found["id"],
        "type": found["type"],
        "target": found["targetId"],
        "document": found.get("document", ""),
        "state": found["state"] + (f" (cancel: {found['cancel']})" if "cancel" in found else ""),
        "outcome": result.get("outcome", ""),
        "error": result.get("error", ""),
        "observed": observed,
        "outputs": ", ".join(
            f"{key} {value}" for key, value in outputs.items() if not isinstance(value, dict | list)
        ),
        "asked by": found["actor"]["id"],
        "asked at": found["createdAt"],
        "expires at": "" if found["state"] in OVER else found["expiresAt"],
        "ended at": found.get("completedAt", ""),
    }
    return [(name, value) for name, value in facts.items() if value]
