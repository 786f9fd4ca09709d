"""``notify``: try the channels that people are told through. Needs no engine and no state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.completing import channels
from reconciler.cli.exits import Exit
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import output_option, settings_options
from reconciler.cli.screen import Column
from reconciler.errors import InvalidSettings

if TYPE_CHECKING:
    from reconciler.notify.channel import Channel
    from reconciler.notify.wording import Letter

VERSION: Final = 1


@group("notify")
def notify() -> None:
    """Try the channels that people are told through.

    They are named in the file of the setting "notify".
    """


@notify.command("test")
@click.argument("names", nargs=-1, metavar="[CHANNEL]...", shell_complete=channels)
@output_option
@settings_options("notify", "target")
@pass_invocation
@click.pass_context
def try_channels(context: click.Context, invocation: Invocation, names: tuple[str, ...], output: str) -> None:
    """Send a test message through channels, and tell what came of it.

    Through all of them, once, where none is named.

    Exit status: 0 all took it, 1 one did not.
    """
    chosen = _chosen(invocation, names)
    said = asyncio.run(_send(invocation, chosen))
    screen = invocation.screen
    rows = [(channel.name, channel.type, error) for channel, error in zip(chosen, said, strict=True)]
    if output == "json":
        keys = ("channel", "type", "error")
        screen.json({"version": VERSION, "channels": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        columns = [Column("CHANNEL"), Column("TYPE"), Column("RESULT", fixed=False)]
        screen.table(columns, [(name, kind, error or "sent") for name, kind, error in rows])
    context.exit(Exit.ERROR if any(said) else Exit.DONE)


def _chosen(invocation: Invocation, names: tuple[str, ...]) -> tuple[Channel, ...]:
    from reconciler.notify.opening import notify_of_host, open_channels

    settings = invocation.settings
    found = open_channels(notify_of_host(settings.notify, needed=True), settings.notify.absolute().parent)
    unknown = [name for name in names if name not in {channel.name for channel in found}]
    if unknown:
        known = ", ".join(channel.name for channel in found)
        raise InvalidSettings(f"no channel is named {', '.join(unknown)}", hint=f"known: {known}")
    return tuple(channel for channel in found if not names or channel.name in names)


async def _send(invocation: Invocation, channels: tuple[Channel, ...]) -> tuple[str, ...]:
    import secrets

    from reconciler.controller.app.notifying import host_name
    from reconciler.notify.wording import trial

    letter = trial(secrets.token_hex(16), host=host_name(invocation.settings), at=invocation.clock())
    return tuple(await asyncio.gather(*(_try(channel, letter) for channel in channels)))


async def _try(channel: Channel, letter: Letter) -> str:
    """Why it was not taken; "" when it was."""
    from reconciler.notify.channel import Undelivered

    try:
        await channel.send(letter)
    except Undelivered as error:
        return str(error)
    return ""
