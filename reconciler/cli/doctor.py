"""``doctor``: is everything there that the controller needs, and how to repair what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, output_option, settings_options
from reconciler.cli.problems import located
from reconciler.core.words import count
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.controller.checkup import Finding
    from reconciler.core.desired import DesiredState

VERSION: Final = 1
_MARGIN: Final = 9
_STYLES: Final = {"ok": "green", "warning": "yellow", "error": "red"}


@command("doctor")
@output_option
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def doctor(context: click.Context, invocation: Invocation, output: str) -> None:
    """Check engine, folders and state, and say how to repair.

    Also the keys that open secrets, registry logins, channels of notifications, the policy, the address to listen
    on, clock and disk. What is secret is told to nobody.

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
            screen.prose(told, _STYLES[item.level], indent=_MARGIN, styled=_MARGIN if item.level == "ok" else None)
            if item.fix:
                screen.prose(f"{'':<{_MARGIN}}fix: {item.fix}", indent=len("fix: "))
        warnings = sum(item.level == "warning" for item in findings)
        screen.line(f"{count(len(findings), 'check')}: {count(broken, 'error')}, {count(warnings, 'warning')}")
    context.exit(Exit.ERROR if broken else Exit.DONE)


def _findings(invocation: Invocation) -> tuple[Finding, ...]:
    """What the service finds, and the host shows; that the service cannot even be opened is a finding too."""
    from reconciler.controller.checkup import Finding

    settings = invocation.settings
    documents: tuple[DesiredState, ...] = ()
    newest, engine, undelivered = 0.0, "", dict[str, str]()
    try:
        with invocation.service() as service:
            loaded = service.loaded()
            documents = loaded.documents
            newest = max((event.at for _, event in service.events_after(0, limit=1)), default=0.0)
            shown = dict(zip(map(str, loaded.problems), located(loaded.problems, settings.desired), strict=True))
            engine = service.engine_version()
            found = tuple(
                replace(item, detail=str(shown[item.detail])) if item.detail in shown else item
                for item in service.doctor()
            )
            undelivered = dict(service.channel_problems())
    except ReconcilerError as error:
        found = (Finding(level="error", subject="start", detail=error.message, fix=error.hint),)
    now = invocation.clock()
    seen = invocation.look_at_host(
        settings, documents=documents, newest=newest, now=now, engine=engine, undelivered=undelivered
    )
    return (*found, *seen)
