"""What services of a lock file wait for: ``depends_on``, and what Compose takes for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.project import Need, NeedCondition, Service
from reconciler.spec.circles import circles
from reconciler.spec.findings import Findings
from reconciler.spec.problem import Path, choices

_CONDITIONS: Mapping[str, NeedCondition] = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}
_STRENGTH: Mapping[NeedCondition, int] = {"started": 0, "healthy": 1, "completed": 2}


def read_needs(service: Mapping[str, Any], at: Path, known: Sequence[str], findings: Findings) -> tuple[Need, ...]:
    """Each service once, with its strongest condition, sorted."""
    found: dict[str, Need] = {}
    for need, path in _needs(service, at):
        if need.service not in known:
            message = f'no service is called "{need.service}"{choices(need.service, known, limit=0)}'
            findings.note(path, message)
            continue
        before = found.get(need.service, need)
        found[need.service] = max(before, need, key=lambda item: _STRENGTH[item.condition])
    return tuple(sorted(found.values()))


def _needs(service: Mapping[str, Any], at: Path) -> Iterator[tuple[Need, Path]]:
    """Also those that share something of another service."""
    wanted = service.get("depends_on", {})
    path = (*at, "depends_on")
    if isinstance(wanted, Mapping):
        for name, entry in wanted.items():
            yield Need(name, _CONDITIONS[entry.get("condition", "service_started")]), (*path, name)
    else:
        yield from ((Need(name), (*path, index)) for index, name in enumerate(wanted))
    yield from _shared(service, at)


def read_follows(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The services of whose containers this one has a part, sorted."""
    return tuple(sorted({need.service for need, _ in _shared(service, ())}))


def _shared(service: Mapping[str, Any], at: Path) -> Iterator[tuple[Need, Path]]:
    """Services whose namespaces, mounts or name are used (compose-go ``loader/normalize.go``)."""
    for key in ("network_mode", "pid", "ipc"):
        kind, _, name = service.get(key, "").partition(":")
        if kind == "service":
            yield Need(name), (*at, key)
    for key in ("volumes_from", "links"):
        for index, text in enumerate(service.get(key, ())):
            if not text.startswith("container:"):
                yield Need(text.partition(":")[0]), (*at, key, index)


def check_circles(services: Sequence[Service], findings: Findings) -> None:
    """Services that wait for each other never start."""
    waits = {item.name: [need.service for need in item.needs] for item in services}
    for name, circle in circles(waits).items():
        path = ("services", name, "depends_on")
        findings.note(path, f"the services wait for each other: {' -> '.join(circle)}")
