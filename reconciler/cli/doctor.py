"""``doctor``: is everything there that the controller needs, and how to repair what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, output_option, settings_options
from reconciler.cli.problems import located
from reconciler.cli.words import count
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.controller.checkup import Finding

VERSION: Final = 1
_MARGIN: Final = 9
_STYLES: Final = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command("doctor")
@output_option
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def doctor(context: click.Context, invocation: Invocation, output: str) -> None:
    """Check engine, folders and state, and say how to repair.

    Exit status: 0 when nothing is broken (warnings allowed), 1 otherwise.
    """
    findings = _findings(invocation)
    broken = sum(item.level == "error" for item in findings)
    screen = invocation.screen
    if output == "json":
        keys = ("level", "subject", "detail", "fix")
        screen.json(
            {"version": VERSION, "findings": [{key: getattr(item, key) for key in keys} for item in findings]}
        )
    else:
        for item in findings:
            told = f"{item.level:<8} {item.subject}: {item.detail}"
            screen.prose(told, _STYLES[item.level], indent=_MARGIN)
            if item.fix:
                screen.prose(f"{'':<{_MARGIN}}fix: {item.fix}", indent=len("fix: "))
        screen.line(f"{count(len(findings), 'check')}: {count(broken, 'error')}")
    context.exit(Exit.ERROR if broken else Exit.DONE)


def _findings(invocation: Invocation) -> tuple[Finding, ...]:
    """What the service finds; that it cannot even be opened is a finding too."""
    from reconciler.controller.checkup import Finding

    try:
        with invocation.service() as service:
            problems = service.loaded().problems
            shown = dict(zip(map(str, problems), located(problems, invocation.settings.desired), strict=True))
            return tuple(
                replace(item, detail=str(shown[item.detail])) if item.detail in shown else item
                for item in service.doctor()
            )
    except ReconcilerError as error:
        return (Finding(level="error", subject="start", detail=error.message, fix=error.hint),)
