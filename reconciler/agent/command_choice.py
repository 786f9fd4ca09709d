"""Which container, service and image a command is about. Pure; what cannot be is answered with a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.agent.work import Ended, refused
from reconciler.core.desired import DesiredState, ImageReference
from reconciler.core.observation import ContainerRow
from reconciler.core.project import PROJECT_LABEL, SERVICE_LABEL
from reconciler.core.record import Record


def chosen_service(desired: DesiredState, wanted: str) -> str:
    """The service of a project, "" for a container. Raises Ended where it is not said which."""
    if desired.project is None:
        if wanted:
            raise Ended(refused("service", f"{desired.name} is a Container, and has no services"))
        return ""
    known = [item.name for item in desired.project.services]
    if wanted in known:
        return wanted
    if not wanted and len(known) == 1:
        return known[0]
    told = f"{desired.name} has no service {wanted}" if wanted else f"no service of {desired.name} is named"
    raise Ended(refused("service", f"{told}; there are {', '.join(known)}"))


def image_of(desired: DesiredState, service: str) -> ImageReference:
    """Of the container, or of this service."""
    if desired.project is None:
        return desired.image
    return next(item.image for item in desired.project.services if item.name == service)


def serving(rows: Iterable[ContainerRow], desired: DesiredState, record: Record, service: str) -> ContainerRow:
    """The container that serves, or the service's first one. Raises Ended where none runs."""
    fitting = [row for row in rows if row.running and _serves(row, desired, record, service)]
    if not fitting:
        raise Ended(refused("nothing-runs", f"no container of {desired.name} runs", retriable=True))
    return min(fitting, key=lambda row: row.name)


def _serves(row: ContainerRow, desired: DesiredState, record: Record, service: str) -> bool:
    if desired.project is None:
        return record.committed is not None and row.id == record.committed.container_id
    ours = row.labels.get(PROJECT_LABEL) == desired.project.name
    return ours and row.labels.get(SERVICE_LABEL) == service
