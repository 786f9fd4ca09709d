"""``prune``: containers whose document is gone; nothing is removed without ``--confirm``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from reconciler.cli.apply import show_results
from reconciler.cli.exits import Exit, of_outcomes
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, names_argument, output_option, settings_options
from reconciler.cli.plan import show_plans
from reconciler.cli.progress import progress
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plans_json
from reconciler.core.words import count


@command("prune")
@names_argument
@click.option("--confirm", is_flag=True, help="Remove them; without it they are only shown.")
@output_option
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def prune(
    context: click.Context, invocation: Invocation, *, names: tuple[str, ...], confirm: bool, output: str
) -> None:
    """Remove containers whose document is gone. Volumes always stay.

    Exit status without --confirm: 0 nothing to remove, 2 something; with it that of apply.
    """
    if confirm:
        context.exit(_remove(invocation, names, output))
    with invocation.service() as service:
        plans = service.prunable(names)
        kept = () if names else _kept(service.plans(), plans)
    if output == "json":
        invocation.screen.json(plans_json(plans))
    else:
        show_plans(invocation.screen, plans)
    found = any(plan.changes for plan in plans)
    if found:
        invocation.screen.note("nothing was removed; do it with --confirm")
    if kept:
        said = f"{count(len(kept), 'orphan')} kept (deletionPolicy orphan)"
        invocation.screen.note(f"{said}: `reconciler prune {' '.join(kept)}`")
    context.exit(Exit.DIFFERS if found else Exit.DONE)


def _kept(plans: Sequence[Plan], removed: Sequence[Plan]) -> tuple[str, ...]:
    """Orphans that only go when they are named."""
    going = {plan.document for plan in removed}
    orphans = (plan.document for plan in plans if any(item.kind == "orphan" for item in plan.drift))
    return tuple(name for name in orphans if name not in going)


def _remove(invocation: Invocation, names: tuple[str, ...], output: str) -> Exit:
    with (
        invocation.service(exclusive=True) as service,
        progress(invocation.screen, invocation.clock) as report,
    ):
        results = service.prune(names, progress=report)
    show_results(invocation.screen, results, output=output)
    return of_outcomes(item.outcome for item in results)
