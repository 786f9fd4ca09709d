"""What list and inspect show of a container.

The list tells health of running containers only; inspect tells the last word, which is ``unhealthy`` once
nobody probes any more (measured on engine 20.10).
"""

from __future__ import annotations

from reconciler.core.observation import ContainerDetail, ContainerRow
from tests.simulator.state import Container


def row(container: Container) -> ContainerRow:
    return ContainerRow(
        id=container.id,
        name=container.name,
        image_id=container.image_id,
        status=container.status,
        health=container.health if container.status == "running" else "none",
        labels=dict(container.config.labels or {}),
        ports=container.published,
        networks=tuple(sorted(item.name for item in container.config.networks or ())),
        created=int(container.created),
    )


def detail(container: Container) -> ContainerDetail:
    return ContainerDetail(
        id=container.id,
        name=container.name,
        image_id=container.image_id,
        image_reference=container.image_reference,
        config=container.config,
        status=container.status,
        health=container.health,
        exit_code=container.exit_code,
        oom_killed=container.oom_killed,
        restart_count=container.restart_count,
        started_at=container.started_at,
        error=container.error,
        published=container.published,
        health_log=tuple(container.health_log),
    )
