"""``orchestrator``: the program that many agents follow, and what belongs to its folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from reconciler.cli.fleet_client import VERSION, json_option
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import LOGS, PAGE, settings_options
from reconciler.cli.orchestrator_home import home_option
from reconciler.cli.orchestrator_people import admin, events
from reconciler.cli.orchestrator_rotation import rotate_ca
from reconciler.config.values import duration
from reconciler.errors import InvalidSettings, ReconcilerError

FOLDER: Final = click.Path(path_type=Path, file_okay=False)


@group("orchestrator")
def orchestrator() -> None:
    """Tell many hosts what is wished for, and know what became of it.

    Everything lies in one folder (--home): the authority that signs certificates, the key that signs tasks, the
    database. It needs the extra "orchestrator".
    """


orchestrator.add_command(admin)
orchestrator.add_command(events)
orchestrator.add_command(rotate_ca)


@orchestrator.command("init", short_help="Make the folder: authority, keys, database, the first admin.")
@home_option
@click.option(
    "--name", "names", multiple=True, required=True, metavar="HOST", help="How hosts reach it; repeatable."
)
@click.option("--admin", default="admin", metavar="NAME", show_default=True, help="Name of the first admin.")
@click.option("--listen", metavar="HOST:PORT", default="0.0.0.0:8443", show_default=True, help="For members.")
@click.option("--enroll", metavar="HOST:PORT", default="0.0.0.0:8444", show_default=True, help="For enrolment.")
@json_option
@settings_options()
@pass_invocation
def init(invocation: Invocation, /, *, home: Path, admin: str, as_json: bool, **said: Any) -> None:
    """Make a new orchestrator's folder: its authority, keys and database, and a certificate for the first admin.

    The folder admin/ in it is for a person: take it to where you work, and name it with --fleet or
    RECONCILER_FLEET. The root's key (authority/root-*.key) is needed for rotation alone: keep it elsewhere.
    """
    from reconciler.orchestrator.app import create, need_store
    from reconciler.orchestrator.home import Reached

    need_store()
    screen = invocation.screen  # settings that cannot be read are told before anything is made
    made = create(home, Reached(**said), admin)
    told = {
        "home": str(home),
        "fingerprint": made.authority.authority().fingerprint,
        "fleet": str(made.admin / "fleet.json"),
    }
    if as_json:
        screen.json({"version": VERSION, **told})
        return
    screen.line(f"the orchestrator's folder is {home}")
    screen.line(f"the authority's fingerprint is {told['fingerprint']}")
    screen.line(f"the admin's settings are {told['fleet']}")
    screen.note(
        "next: 'reconciler orchestrator run', then 'reconciler orchestrator token --target HOST'", style="dim"
    )


@orchestrator.command("token", short_help="Make a join token for one host.")
@home_option
@click.option("--target", required=True, metavar="NAME", help="The name the host will have.")
@click.option("--ttl", default="24h", show_default=True, metavar="TIME", help="How long it counts; 7d at most.")
@json_option
@settings_options()
@pass_invocation
def token(invocation: Invocation, /, *, home: Path, target: str, ttl: str, as_json: bool) -> None:
    """Make a join token: with it one host enrolls, once, under this name.

    It is told once, on standard output, and kept nowhere. Works also while the orchestrator runs.
    """
    from reconciler.orchestrator.app import invite
    from reconciler.orchestrator.home import Home

    screen = invocation.screen  # as above: a token is told once
    life, actor = timedelta(seconds=_life(ttl)), f"user:{invocation.actor()}"
    text, expires = invite(Home(home), target, life=life, actor=actor)
    word = text.reveal().decode()
    until = f"{expires:%Y-%m-%dT%H:%M:%SZ}"
    if as_json:
        screen.json({"version": VERSION, "target": target, "token": word, "expiresAt": until})
        return
    screen.line(word)
    reached = Home(home).reached()
    screen.note(f"for {target}, once, until {until}; there, with the token in a file:", style="dim")
    screen.note(
        f"reconciler agent enroll --server {reached.url} --enroll-at {reached.enroll_url} --token-file FILE",
        style="dim",
    )


def _life(text: str) -> float:
    try:
        return float(duration(60, 7 * 86400)(text))
    except ValueError as error:
        raise InvalidSettings(f"--ttl {text!r}: {error}") from error


@orchestrator.command("backup", short_help="Write all of it into one file, while it runs.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@settings_options()
@pass_invocation
def backup(invocation: Invocation, /, *, file: Path, home: Path) -> None:
    """Write database, authority and keys into one new file, also while the orchestrator runs.

    Who has the file can be anybody in the fleet: it is for its owner alone (0600), and is kept as the keys are.
    """
    from reconciler.orchestrator.app import back_up

    back_up(home, file)
    invocation.screen.line(f"the backup is {file}")


@orchestrator.command("restore", short_help="Make a folder of a backup.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@settings_options()
@pass_invocation
def restore(invocation: Invocation, /, *, file: Path, home: Path) -> None:
    """Make a new folder of a backup. One that is there, and not empty, is left as it is.

    Agents keep what they have got since. Whoever was revoked since the backup has to be revoked again.
    """
    from reconciler.orchestrator.app import restore as make

    make(file, home)
    invocation.screen.line(f"the orchestrator's folder is {home}")


@orchestrator.command("run", short_help="Be the orchestrator, until told to stop.")
@home_option
@click.option("--documents", "desired", type=FOLDER, metavar="DIR", help="Folder of documents [desired/].")
@click.option("--listen", metavar="HOST:PORT", help="For members [as init was told].")
@click.option("--enroll", metavar="HOST:PORT", help="For enrolment [as init was told].")
@click.option(
    "--monitor",
    metavar="HOST:PORT",
    default="127.0.0.1:9465",
    show_default=True,
    help="Metrics, health, status page.",
)
@click.option(
    "--interval",
    "interval_s",
    type=click.IntRange(1, 3600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Between two heartbeats.",
)
@settings_options(*PAGE, *LOGS)
@pass_invocation
def run(invocation: Invocation, /, **said: Any) -> None:
    """Be the orchestrator: hand out documents and tasks to agents, and keep what they answer.

    The status page of the fleet is where metrics are (--monitor); the flags --web-… say who may see it.

    SIGTERM and Ctrl-C end it. Hosts go on without it.
    """
    from reconciler.cli.logs import set_up_logs
    from reconciler.orchestrator.app import Run, serve

    settings = invocation.settings
    set_up_logs(format=settings.log_format, level=settings.log_level, color=invocation.screen.error_colors)
    try:
        serve(
            Run(
                web_token_file=settings.web_token_file,
                web_certificate=settings.web_certificate,
                web_key=settings.web_key,
                web_names=settings.web_names,
                **said,
            )
        )
    except InvalidSettings as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise ReconcilerError(error.message, hint=error.hint) from error  # this host cannot have it now
