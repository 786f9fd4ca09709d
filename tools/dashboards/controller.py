"""The controllers themselves: whether they look and can work, how long work takes, and what waits."""

from __future__ import annotations

from tools.dashboards.board import INSTANCE, Board
from tools.dashboards.panel import BAD, GOOD, Panel, Query

OF = 'job="reconciler", instance=~"$instance"'
YES_OR_NO = {"0": ("no", BAD), "1": ("yes", GOOD)}


def _quantile(family: str, by: str = "") -> str:
    """95 of 100 were faster."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile(0.95, sum by ({labels}) (rate({family}_bucket{{{OF}}}[$__rate_interval])))"


CONTROLLER = Board(
    uid="reconciler-controller",
    title="Reconciler: controller",
    description="The insides of the controllers: loop, queue, engine, and how long things take.",
    variables=[INSTANCE],
    panels=[
        Panel(
            title="Able to work",
            description="Whether engine and events are there, what is done can be recorded, and the log is whole.",
            kind="state-timeline",
            queries=[
                Query(expr=f"reconciler_engine_up{{{OF}}}", legend="engine {{instance}}"),
                Query(expr=f"reconciler_event_stream_up{{{OF}}}", legend="events {{instance}}"),
                Query(expr=f"reconciler_state_writable{{{OF}}}", legend="history {{instance}}"),
                Query(expr=f"reconciler_audit_intact{{{OF}}}", legend="audit log {{instance}}"),
            ],
            words=YES_OR_NO,
            steps=((None, BAD), (1.0, GOOD)),
        ),
        Panel(
            title="Since the last look",
            description="How long ago the host was last looked at. It rises and falls with the resync.",
            kind="timeseries",
            unit="s",
            queries=[
                Query(expr=f"time() - reconciler_last_pass_timestamp_seconds{{{OF}}}", legend="{{instance}}")
            ],
        ),
        Panel(
            title="Passes",
            description="Passes over documents a second, by how they ended.",
            kind="timeseries",
            unit="ops",
            queries=[
                Query(
                    expr=f"sum by (result) (rate(reconciler_reconcile_total{{{OF}}}[$__rate_interval]))",
                    legend="{{result}}",
                )
            ],
        ),
        Panel(
            title="Time of a pass",
            description="95 of 100 passes took no longer, by how they ended.",
            kind="timeseries",
            unit="s",
            queries=[
                Query(expr=_quantile("reconciler_reconcile_duration_seconds", "result"), legend="{{result}}")
            ],
        ),
        Panel(
            title="Time of Actions",
            description="95 of 100 Actions took no longer, by kind.",
            kind="timeseries",
            unit="s",
            queries=[Query(expr=_quantile("reconciler_action_duration_seconds", "action"), legend="{{action}}")],
        ),
        Panel(
            title="Downtime of deploys",
            description="From the stop of the old container to the health of the new one; 95 of 100 were shorter.",
            kind="timeseries",
            unit="s",
            queries=[Query(expr=_quantile("reconciler_downtime_seconds", "kind"), legend="{{kind}}")],
        ),
        Panel(
            title="Queue",
            description="Documents that wait, and those that were put back for later.",
            kind="timeseries",
            queries=[
                Query(expr=f"workqueue_depth{{{OF}}}", legend="waiting {{instance}}"),
                Query(
                    expr=f"sum by (instance) (increase(workqueue_retries_total{{{OF}}}[$__rate_interval]))",
                    legend="put back {{instance}}",
                ),
            ],
        ),
        Panel(
            title="Wait in the queue",
            description="95 of 100 documents waited no longer for a worker.",
            kind="timeseries",
            unit="s",
            queries=[Query(expr=_quantile("workqueue_queue_duration_seconds", "instance"), legend="{{instance}}")],
        ),
        Panel(
            title="Longest work under way",
            description="For how long the document has been worked on that takes longest now.",
            kind="timeseries",
            unit="s",
            queries=[Query(expr=f"workqueue_longest_running_processor_seconds{{{OF}}}", legend="{{instance}}")],
        ),
        Panel(
            title="Documents",
            description="Documents in force, and those that are wrong or unreadable.",
            kind="timeseries",
            queries=[
                Query(expr=f"reconciler_documents{{{OF}}}", legend="in force {{instance}}"),
                Query(expr=f"reconciler_invalid_documents{{{OF}}}", legend="wrong {{instance}}"),
            ],
        ),
    ],
)
