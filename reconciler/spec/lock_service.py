"""One service of a lock file as core's Service. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.container import ContainerConfig
from reconciler.core.names import DIGEST, PREFIX
from reconciler.core.project import Service
from reconciler.spec import lock_notation
from reconciler.spec.lock_config import NO_NEW_PRIVILEGES, ServiceReader, build_service_config
from reconciler.spec.lock_frame import Frame
from reconciler.spec.lock_mounts import read_mounts
from reconciler.spec.lock_needs import read_follows, read_needs
from reconciler.spec.lock_networks import attachments, namespaces, network_extras
from reconciler.spec.problem import Path

COMPONENT = "stella.component.id"
COMPOSE_LABELS = "com.docker.compose."
RISKY = (
    "cgroup_parent",
    "device_cgroup_rules",
    "external_links",
    "oom_kill_disable",
    "runtime",
    "storage_opt",
    "volumes_from",
)
"""Keys that reach beyond the container and have no place in a ContainerConfig."""


def read_service(frame: Frame, name: str) -> Service:
    """The service. What is wrong is noted."""
    value: Mapping[str, Any] = frame.value["services"][name]
    at: Path = ("services", name)
    reader = ServiceReader(value, at, frame.findings)
    mounts = read_mounts(frame, value, at)
    config = build_service_config(reader, mounts, attachments(frame, value, at))
    service = Service(
        name=name,
        image=lock_notation.locked_image(value["image"]),
        config=config,
        tag=frame.value.get("x-stella", {}).get("images", {}).get(name, ""),
        container_name=value.get("container_name", ""),
        replicas=_replicas(value),
        completes=_ends(value),
        needs=read_needs(value, at, tuple(frame.value["services"]), frame.findings),
        files=tuple(sorted(mounts.files)),
        follows=read_follows(value),
        namespaces=namespaces(value, at, frame.findings),
        security=tuple(item for item in value.get("security_opt", ()) if item not in NO_NEW_PRIVILEGES),
        extras=tuple(sorted({*mounts.extras, *network_extras(frame, value), *_risky(value)})),
    )
    _check(frame, service, at)
    return service


def _risky(value: Mapping[str, Any]) -> Iterator[str]:
    yield from (key for key in RISKY if key in value)
    if value.get("oom_score_adj", 0) < 0:
        yield "oom_score_adj"


def _replicas(value: Mapping[str, Any]) -> int:
    count: int = value.get("deploy", {}).get("replicas", value.get("scale", 1))
    return count


def _ends(value: Mapping[str, Any]) -> bool:
    """Whether it says itself that it is a job: by a restart policy that lets it end."""
    policy = value.get("deploy", {}).get("restart_policy", {})
    chosen: str = policy.get("condition", "any") if policy else value.get("restart", "")
    return chosen.partition(":")[0] in {"no", "none", "on-failure"}


def _check(frame: Frame, service: Service, at: Path) -> None:
    """What the parts of a service say of each other."""
    for path, message in (
        *_labels(service.config, service, at),
        *_many(frame.value["services"][service.name], service, at),
        *_repository(service, at),
    ):
        frame.findings.note(path, message)


def _labels(config: ContainerConfig, service: Service, at: Path) -> Iterator[tuple[Path, str]]:
    own = {COMPONENT: service.name, DIGEST: service.image.digest}
    for key, text in (config.labels or {}).items():
        path = (*at, "labels", key)
        if key.startswith(COMPOSE_LABELS):
            yield path, f'label names that begin with "{COMPOSE_LABELS}" are Compose\'s own'
        elif key in own and text != own[key]:
            yield path, f'must be "{own[key]}"; run "reconciler lock" again'
        elif key.startswith(PREFIX) and key not in own:
            yield path, f'label names that begin with "{PREFIX}" are reserved'


def _many(value: Mapping[str, Any], service: Service, at: Path) -> Iterator[tuple[Path, str]]:
    """One container name and one host port are for one container."""
    if "replicas" in value.get("deploy", {}) and value.get("scale", service.replicas) != service.replicas:
        yield (*at, "scale"), f"differs from deploy.replicas ({service.replicas}); remove one of the two"
    if service.replicas > 1 and service.container_name:
        yield (*at, "container_name"), f"{service.replicas} containers cannot have one name; remove it"
    fixed = [port for port in service.config.ports or () if port.host_port]
    if service.replicas > 1 and fixed:
        yield (*at, "ports"), f"{service.replicas} containers cannot share the host port {fixed[0].host_port}"


def _repository(service: Service, at: Path) -> Iterator[tuple[Path, str]]:
    """The image is that of the reference which the author wrote."""
    if service.tag and full_repository(service.tag) != full_repository(service.image.repository):
        yield (
            (*at, "image"),
            f'is of another repository than "{service.tag}", which the author wrote; run "reconciler lock" again',
        )


def full_repository(reference: str) -> str:
    """Registry and path of a reference, however much of it was left out
    (distribution/reference ``normalize.go``: docker.io and library are meant).
    """
    bare = reference.partition("@")[0]
    head, slash, last = bare.rpartition("/")
    path = f"{head}{slash}{last.partition(':')[0]}"
    host, slash, rest = path.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = "docker.io", path
    host = "docker.io" if host == "index.docker.io" else host
    return f"{host}/{rest}" if "/" in rest or host != "docker.io" else f"{host}/library/{rest}"


def with_jobs(services: Sequence[Service]) -> tuple[Service, ...]:
    """Services that another one needs completed are jobs, whatever they say of restarting."""
    awaited = {need.service for item in services for need in item.needs if need.condition == "completed"}
    return tuple(
        replace(item, completes=True) if item.name in awaited and not item.completes else item for item in services
    )
