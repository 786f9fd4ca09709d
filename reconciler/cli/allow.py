"""``allow``: let one release run that the host's policy would refuse for its signature."""

from __future__ import annotations

from typing import Final

import click

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, name_argument, output_option, settings_options

VERSION: Final = 1


@command("allow")
@name_argument
@click.option(
    "--unsigned", is_flag=True, help="Let the images that the document wants now run without a signature."
)
@click.option("--reason", metavar="TEXT", help="Why; recorded with your name, and shown wherever it counts.")
@click.option("--revoke", is_flag=True, help="End all that was allowed; what runs goes on.")
@output_option
@settings_options(*HOST)
@pass_invocation
def allow(
    invocation: Invocation, /, *, name: str, unsigned: bool, reason: str | None, revoke: bool, output: str
) -> None:
    """Let a release run without the signature that the policy wants.

    It is for exactly the digests that the document wants at this moment: the next release needs its signature
    again.
    """
    if unsigned == revoke:
        raise click.UsageError("say either --unsigned or --revoke")
    if revoke:
        _revoke(invocation, name, output)
        return
    if not (reason or "").strip():
        raise click.UsageError("--reason must say why")
    with invocation.service() as service:
        allowed = service.allow_unsigned(name, actor=f"user:{invocation.actor()}", reason=(reason or "").strip())
    if output == "json":
        images = [item.image for item in allowed]
        invocation.screen.json({"version": VERSION, "name": name, "allowed": images, "revoked": False})
        return
    for item in allowed:
        invocation.screen.line(f"{item.image} may run without a signature")
    if not allowed:
        invocation.screen.line(f"the policy wants no image of {name} signed")


def _revoke(invocation: Invocation, name: str, output: str) -> None:
    with invocation.service() as service:
        ended = service.revoke_unsigned(name, actor=f"user:{invocation.actor()}")
    if output == "json":
        invocation.screen.json({"version": VERSION, "name": name, "allowed": [], "revoked": ended})
        return
    invocation.screen.line(f"{name} {'needs its signatures again' if ended else 'was allowed nothing'}")
    if ended:
        invocation.screen.note(
            "what runs goes on; a deploy or a heal that needs the image anew is refused without"
        )
