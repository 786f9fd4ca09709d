"""``agent``: this host as part of a fleet."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from reconciler.cli.files import read_bounded
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.logs import set_up_logs
from reconciler.cli.options import CONTROLLER, LOGS, settings_options
from reconciler.core.secret import Secret
from reconciler.errors import InputError

TOKEN_BYTES = 1024


@group("agent")
def agent() -> None:
    """Take documents and tasks from an orchestrator on this host.

    The host goes on alone while there is no orchestrator. What it may be asked for is in its own agent policy,
    which nobody else can change.
    """


@agent.command("enroll")
@click.option("--server", required=True, metavar="URL", help="Where the orchestrator hears agents.")
@click.option("--enroll-at", default="", metavar="URL", help="Where agents enroll [as --server].")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    default=Path("-"),
    metavar="FILE",
    help="File with the join token; - is standard input.",
)
@settings_options("state-dir")
@pass_invocation
def enroll(invocation: Invocation, /, *, server: str, enroll_at: str, token_file: Path) -> None:
    """Make this host an agent, with a join token.

    The token is read from a file or from standard input, never from an argument. The key is made here and never
    leaves the host. Enrolled anew, a host keeps its name and all that runs on it.
    """
    from reconciler.agent.enrolment import enroll as do_enroll
    from reconciler.agent.place import AgentPlace

    for url in filter(None, (server, enroll_at)):
        if not url.startswith("https://"):
            raise InputError(f"{url[:80]} is no https URL", hint="as https://orchestrator.example.com:8443")
    place = AgentPlace(invocation.settings.state_dir / "fleet")
    enrolment = asyncio.run(do_enroll(place, _token(token_file), server=server, enroll_at=enroll_at))
    invocation.screen.line(f"enrolled as {enrolment.agent} at {enrolment.server}")
    invocation.screen.note("start it: reconciler agent run", style="dim")


@agent.command("run")
@settings_options(*CONTROLLER, "agent-policy", "polling", *LOGS)
@pass_invocation
def run(invocation: Invocation) -> None:
    """Keep the host following its documents and those of the orchestrator.

    As 'reconciler run', which it takes the place of; only one of them can hold the state directory.
    """
    settings = invocation.settings
    set_up_logs(format=settings.log_format, level=settings.log_level, color=invocation.screen.error_colors)
    invocation.changing = True
    invocation.run_agent(settings)


def _token(path: Path) -> Secret:
    if str(path) == "-":
        return Secret(sys.stdin.buffer.read(TOKEN_BYTES))
    return Secret(read_bounded(path, limit=TOKEN_BYTES).encode())
