"""One document (or some): how it stands, what differs, and since when."""

from __future__ import annotations

from tools.dashboards.board import DOCUMENT, INSTANCE, TARGET, Board
from tools.dashboards.panel import BAD, GOOD, QUIET, WARNING, Panel, Query

OF = 'job="reconciler", instance=~"$instance", target=~"$target", document=~"$document"'
NAME = "{{document}} {{target}} {{instance}}"


def _word(title: str, description: str, *, family: str, label: str, width: int = 4) -> Panel:
    """A label's value in large letters."""
    return Panel(
        title=title,
        description=description,
        kind="stat",
        queries=[Query(expr=f"{family}{{{OF}}}", legend=f"{{{{{label}}}}}")],
        width=width,
        height=4,
        steps=((None, QUIET),),
        options={"textMode": "name"},
    )


DOCUMENT_BOARD = Board(
    uid="reconciler-document",
    title="Reconciler: document",
    description="One document: release, health, drift field by field, and its sticker.",
    variables=[INSTANCE, TARGET, DOCUMENT],
    panels=[
        _word("Sync", "Whether anything differs.", family="reconciler_document_info", label="sync"),
        _word("Health", "How its containers are.", family="reconciler_document_info", label="health"),
        _word("Phase", "What the controller is at with it.", family="reconciler_document_info", label="phase"),
        _word("Wanted", "The release of the document.", family="reconciler_release_info", label="desired"),
        _word("Runs", "The release that runs.", family="reconciler_release_info", label="running"),
        Panel(
            title="Quarantine",
            description="Whether the wanted release failed and is not tried again.",
            kind="stat",
            queries=[Query(expr=f"reconciler_quarantined{{{OF}}}", legend=NAME)],
            width=4,
            height=4,
            steps=((None, GOOD), (1.0, BAD)),
            words={"0": ("no", GOOD), "1": ("yes", BAD)},
        ),
        Panel(
            title="Phase over time",
            description="What the controller was at with it.",
            kind="state-timeline",
            queries=[
                Query(
                    expr=f"max by (document, target, instance, phase) (reconciler_document_info{{{OF}}})",
                    legend="{{document}} {{phase}}",
                )
            ],
            words={"1": ("", QUIET)},
            steps=((None, QUIET),),
        ),
        Panel(
            title="Drift by kind",
            description="Which kinds of differences there were.",
            kind="status-history",
            queries=[
                Query(expr=f"max by (kind) (reconciler_drift{{{OF}}})", legend="{{kind}}"),
            ],
            steps=((None, GOOD), (1.0, WARNING)),
        ),
        Panel(
            title="Fields that differ",
            description="How many fields of the live containers differ from the document.",
            kind="timeseries",
            queries=[Query(expr=f"reconciler_drift_fields{{{OF}}}", legend=NAME)],
        ),
        Panel(
            title="Out of sync for",
            description="How long it has differed; nothing while it is in sync.",
            kind="timeseries",
            unit="s",
            queries=[Query(expr=f"time() - reconciler_drift_since_timestamp_seconds{{{OF}}}", legend=NAME)],
        ),
        Panel(
            title="Since it was as wanted",
            description="How long ago it was last seen converged.",
            kind="timeseries",
            unit="s",
            queries=[Query(expr=f"time() - reconciler_last_success_timestamp_seconds{{{OF}}}", legend=NAME)],
        ),
        Panel(
            title="Sticker",
            description="What the version sticker on the host was worth.",
            kind="state-timeline",
            queries=[Query(expr=f"reconciler_sticker_state{{{OF}}}", legend="{{document}} {{state}}")],
            words={"1": ("", QUIET)},
            steps=((None, QUIET),),
        ),
    ],
)
