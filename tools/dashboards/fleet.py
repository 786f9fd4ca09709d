"""The fleet: what stands badly, which releases are where, and what has happened."""

from __future__ import annotations

from tools.dashboards.board import DOCUMENT, INSTANCE, TARGET, Board
from tools.dashboards.panel import BAD, GOOD, QUIET, WARNING, Panel, Query

OF = 'job="reconciler", instance=~"$instance"'
SOME = f'{OF}, target=~"$target"'
ALARMING = ((None, GOOD), (1.0, BAD))
NOTABLE = ((None, GOOD), (1.0, WARNING))


def _count(title: str, description: str, series: str, steps: tuple[tuple[float | None, str], ...]) -> Panel:
    """How many series there are, 0 where there are none."""
    expr = f"count({series}) or vector(0)"
    return Panel(
        title=title,
        description=description,
        kind="stat",
        queries=[Query(expr=expr)],
        width=4,
        height=4,
        steps=steps,
    )


FLEET = Board(
    uid="reconciler-fleet",
    title="Reconciler: fleet",
    description="All hosts and documents: what stands badly, what runs where, what has happened.",
    variables=[INSTANCE, TARGET, DOCUMENT],
    panels=[
        _count("Documents", "All that are in force.", f"reconciler_document_info{{{SOME}}}", ((None, QUIET),)),
        _count(
            "Out of sync",
            "Documents of which something on their host differs.",
            f'reconciler_document_info{{{SOME}, sync!="Synced"}}',
            NOTABLE,
        ),
        _count(
            "Not serving",
            "Documents whose containers are gone, stopped or unhealthy.",
            f'reconciler_document_info{{{SOME}, health=~"Degraded|Missing"}}',
            ALARMING,
        ),
        _count(
            "Waiting for a person",
            "Documents whose release was taken back, or that failed or are held.",
            f'reconciler_document_info{{{SOME}, phase=~"RolledBack|Failed|Held"}}',
            NOTABLE,
        ),
        _count("Controllers down", "Controllers that cannot be scraped.", 'up{job="reconciler"} == 0', ALARMING),
        _count("Engines down", "Engines that do not answer.", f"reconciler_engine_up{{{OF}}} == 0", ALARMING),
        Panel(
            title="Drift",
            description="How many fields of each document differ from what it says.",
            kind="status-history",
            queries=[
                Query(
                    expr=f"max by (instance, target, document) (reconciler_drift_fields{{{SOME}}})",
                    legend="{{document}} {{target}} {{instance}}",
                )
            ],
            width=24,
            height=10,
            steps=((None, GOOD), (1.0, WARNING), (5.0, BAD)),
        ),
        Panel(
            title="Not converged",
            description="Documents that are not as they should be, and how they are.",
            kind="table",
            queries=[Query(expr=f'reconciler_document_info{{{SOME}, phase!="Converged"}}', now=True)],
            columns={
                "instance": "Instance",
                "target": "Target",
                "document": "Document",
                "sync": "Sync",
                "health": "Health",
                "phase": "Phase",
            },
        ),
        Panel(
            title="Releases",
            description="The release that each document asks for and the one that runs.",
            kind="table",
            queries=[Query(expr=f'reconciler_release_info{{{SOME}, document=~"$document"}}', now=True)],
            columns={
                "instance": "Instance",
                "target": "Target",
                "document": "Document",
                "desired": "Wanted",
                "running": "Runs",
            },
        ),
        Panel(
            title="Deploys",
            description="Deploys that ended, by how.",
            kind="timeseries",
            queries=[
                Query(
                    expr=f"sum by (result) (increase(reconciler_deploys_total{{{SOME}}}[$__rate_interval]))",
                    legend="{{result}}",
                )
            ],
        ),
        Panel(
            title="Causes of rollbacks",
            description="Why releases were taken back, in the time that is shown.",
            kind="bargauge",
            queries=[
                Query(
                    expr=(
                        f"topk(5, sum by (reason) (increase(reconciler_rollbacks_total{{{SOME}}}[$__range]))) > 0"
                    ),
                    legend="{{reason}}",
                    now=True,
                )
            ],
            steps=((None, WARNING),),
        ),
        Panel(
            title="Drift put right",
            description="Differences that were healed, by what differed.",
            kind="timeseries",
            queries=[
                Query(
                    expr=f"sum by (reason) (increase(reconciler_heals_total{{{SOME}}}[$__rate_interval])) > 0",
                    legend="{{reason}}",
                )
            ],
        ),
        Panel(
            title="Time since everything was as wanted",
            description="For each document, how long ago it was last seen converged.",
            kind="timeseries",
            unit="s",
            queries=[
                Query(
                    expr=(
                        "time() - max by (instance, target, document) "
                        f"(reconciler_last_success_timestamp_seconds{{{SOME}}})"
                    ),
                    legend="{{document}} {{target}} {{instance}}",
                )
            ],
        ),
    ],
)
