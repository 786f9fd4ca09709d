"""``completion``: the script by which a shell asks this program for completions."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from reconciler.cli.helping import command
from reconciler.cli.root import cli

SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@command("completion")
@click.argument("shell", metavar="SHELL", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print the completion script of a shell: bash, zsh or fish.

    \b
    bash:  reconciler completion bash > /etc/bash_completion.d/reconciler
    zsh:   reconciler completion zsh > "${fpath[1]}/_reconciler"
    fish:  reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    """  # noqa: D301 - click's mark for lines that stay as they are
    click.echo(SHELLS[shell](cli, {}, "reconciler", "_RECONCILER_COMPLETE").source())
