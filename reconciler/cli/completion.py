"""``completion``: the script by which a shell asks this program for completions."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.root import cli


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  reconciler completion bash > /etc/bash_completion.d/reconciler
    zsh:   reconciler completion zsh > "${fpath[1]}/_reconciler"
    fish:  reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    """  # noqa: D301 - click's mark for lines that stay as they are
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "reconciler", "_RECONCILER_COMPLETE").source())
