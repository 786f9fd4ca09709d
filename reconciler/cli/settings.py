"""``config``: every setting, its value and where it was written."""

from __future__ import annotations

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import CONTROLLER, LOGS, output_option, settings_options
from reconciler.cli.screen import Column
from reconciler.config import SETTINGS, as_text, unknown_variables


@command("config")
@output_option
@settings_options(*CONTROLLER, *LOGS)
@pass_invocation
def config(invocation: Invocation, output: str) -> None:
    """Show every setting and where it comes from.

    A flag beats a RECONCILER_* environment variable, which beats reconciler.toml, which beats the default.
    """
    settings = invocation.settings
    rows = [(setting.name, as_text(settings, setting), settings.sources[setting.name]) for setting in SETTINGS]
    for strange in unknown_variables(invocation.environment):
        invocation.screen.note(f"warning: no setting reads the environment variable {strange}", style="yellow")
    if output == "json":
        keys = ("name", "value", "source")
        invocation.screen.json({"version": 1, "settings": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    invocation.screen.table([Column("NAME"), Column("VALUE", fixed=False), Column("SOURCE", fixed=False)], rows)
