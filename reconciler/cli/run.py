"""``run``: the controller, until it is told to stop."""

from __future__ import annotations

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.logs import set_up_logs
from reconciler.cli.options import CONTROLLER, LOGS, settings_options
from reconciler.errors import InvalidSettings, ReconcilerError


@command("run")
@settings_options(*CONTROLLER, *LOGS)
@pass_invocation
def run(invocation: Invocation) -> None:
    """Keep the host following the documents.

    Watches the folder and the engine, looks again on a timer, serves metrics and health. SIGTERM and Ctrl-C
    end it; a deploy that is under way is finished or taken back.
    """
    settings = invocation.settings
    set_up_logs(format=settings.log_format, level=settings.log_level, color=invocation.screen.error_colors)
    invocation.changing = True
    try:
        invocation.run_controller(settings)
    except InvalidSettings as error:
        if not isinstance(error.__cause__, OSError):
            raise
        # what is written is right; this host cannot have it now
        raise ReconcilerError(error.message, hint=error.hint) from error
