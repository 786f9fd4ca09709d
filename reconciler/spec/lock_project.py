"""A whole lock file as core's Project, with the files that come with it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.project import Project, Service
from reconciler.spec.check import overlap
from reconciler.spec.findings import Findings
from reconciler.spec.lock_file import LockText, read_lock
from reconciler.spec.lock_frame import Frame
from reconciler.spec.lock_needs import check_circles
from reconciler.spec.lock_networks import used_networks
from reconciler.spec.lock_service import read_service, with_jobs
from reconciler.spec.problem import Path, Problem, choices


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReading:
    """``project`` None: its lock file cannot be used, and ``problems`` say why."""

    project: Project | None = None
    problems: tuple[Problem, ...] = ()


def read_project(
    outline: Project, *, file: str, document: str, secrets: Collection[str] | None = None
) -> ProjectReading:
    """``outline`` has everything but what the lock file says; ``file`` is what the lock file is called in
    problems. ``secrets`` are the names of those that the document gives,
    None where there is no document.
    """
    text, problems = read_lock(outline.lock.content, file)
    if text is None:
        return ProjectReading(problems=tuple(replace(item, document=document) for item in problems))
    findings = Findings()
    frame = Frame(
        project=outline.name,
        value=text.value,
        files={item.name: item for item in outline.files},
        places={item.name: outline.artifact_path(item) for item in outline.files},
        findings=findings,
    )
    _check_name(frame)
    given = tuple(_given(frame, secrets))
    services = _services(frame)
    if findings.items:
        return ProjectReading(problems=_problems(text, findings, document))
    return ProjectReading(project=replace(outline, services=services, secrets=given, **_places(frame)))


def _problems(text: LockText, findings: Findings, document: str) -> tuple[Problem, ...]:
    return tuple(sorted({text.problem(path, message, document=document) for path, message in findings.items}))


def _check_name(frame: Frame) -> None:
    name = frame.value.get("name", frame.project)
    if name != frame.project:
        message = (
            f'is not the document\'s projectName "{frame.project}"; remove the line, Compose is told the name'
        )
        frame.findings.note(("name",), message)


def _given(frame: Frame, secrets: Collection[str] | None) -> Iterator[str]:
    """The lock file's secrets that are external to it: those that the document gives, and no others."""
    for name, value in sorted(frame.value.get("secrets", {}).items()):
        path: Path = ("secrets", name)
        if ("file" in value) is bool(value.get("external")):
            frame.findings.note(path, "has either a file, or external: true and its value in the document")
        elif "file" not in value and secrets is not None and name not in secrets:
            message = f"is external, so the document has to give it: spec.config.secrets has no {name}"
            frame.findings.note(path, message + choices(name, tuple(secrets)))
        elif "file" not in value:
            yield name


def _services(frame: Frame) -> tuple[Service, ...]:
    if not frame.value["services"]:
        frame.findings.note(("services",), "has no service; a project has at least one")
    found = [read_service(frame, name) for name in sorted(frame.value["services"])]
    services = with_jobs(found)
    check_circles(services, frame.findings)
    for path, message in (*_twin_names(frame.project, services), *_twin_ports(services)):
        frame.findings.note(path, message)
    return services


def _twin_names(project: str, services: Sequence[Service]) -> Iterator[tuple[Path, str]]:
    """Container names that Compose would give twice."""
    seen: dict[str, str] = {}
    for service in services:
        for number in range(1, service.replicas + 1):
            name = service.container_name or f"{project}-{service.name}-{number}"
            if seen.get(name, service.name) != service.name:
                path = ("services", service.name, "container_name")
                yield path, f'the container name "{name}" is also that of service "{seen[name]}"'
            seen[name] = service.name


def _twin_ports(services: Sequence[Service]) -> Iterator[tuple[Path, str]]:
    seen: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for service in services:
        for port in service.config.ports or ():
            if not port.host_port:
                continue
            holders = seen.setdefault((port.host_port, port.protocol), [])
            rival = next((name for name, ip in holders if overlap(ip, port.host_ip)), None)
            if rival is not None:
                other = "given twice" if rival == service.name else f'also published by service "{rival}"'
                yield ("services", service.name, "ports"), f"host port {port.host_port}/{port.protocol} is {other}"
            holders.append((service.name, port.host_ip))


def _places(frame: Frame) -> dict[str, Any]:
    """Networks and volumes by the engine's names: those of the project, and those that are there already."""
    services: Mapping[str, Any] = frame.value["services"]
    used = {key for service in services.values() for key in used_networks(service)}
    networks = {key: frame.declared("networks", key) or {} for key in used}
    volumes = {key: value or {} for key, value in frame.value.get("volumes", {}).items()}
    return {
        "networks": _engine_names(frame, "networks", networks, external=False),
        "volumes": _engine_names(frame, "volumes", volumes, external=False),
        "external_networks": _engine_names(frame, "networks", networks, external=True),
        "external_volumes": _engine_names(frame, "volumes", volumes, external=True),
    }


def _engine_names(
    frame: Frame, section: str, entries: Mapping[str, Mapping[str, Any]], *, external: bool
) -> tuple[str, ...]:
    chosen = (key for key, entry in entries.items() if bool(entry.get("external")) is external)
    return tuple(sorted({frame.engine_name(section, key) for key in chosen}))
