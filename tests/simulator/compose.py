"""Docker Compose on the simulated host, given nothing but files: creates, replaces and removes, starts nothing.

Every step that a real Compose takes at the engine is a mutating call of the simulated engine's fault plan, so that
``fail_call`` strikes in the middle of an ``up`` too, and a death there leaves what a killed Compose leaves: a
replacement ``<short id>_<name>`` in state created, with the old container running, stopped or gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.container import NetworkAttachment
from reconciler.core.interfaces import ComposeProject, Progress
from reconciler.core.project import (
    CONFIG_HASH_LABEL,
    DIRECTORY_LABEL,
    LOCK_NAME,
    NUMBER_LABEL,
    ONE_OFF_LABEL,
    PROJECT_LABEL,
    REPLACES_LABEL,
    SERVICE_LABEL,
    Project,
    Service,
    artifact,
    stages,
)
from reconciler.errors import (
    ComposeBusy,
    ComposeFailed,
    ComposeMissing,
    EngineRefused,
    NameTaken,
    NotFound,
    ReconcilerError,
)
from reconciler.spec.lock_project import read_project
from tests.simulator import containers, lifecycle
from tests.simulator.deployments import MemoryDeployments
from tests.simulator.engine import SimulatedEngine
from tests.simulator.faults import Call
from tests.simulator.state import Container, Host


@dataclass(frozen=True, slots=True)
class Model:
    """What Compose makes of the lock file and the host file."""

    project: Project
    labels: Mapping[str, Mapping[str, str]]


class SimulatedCompose:
    """``missing`` plays a host without Compose. ``runs`` are the calls that came, by their names."""

    def __init__(self, engine: SimulatedEngine, deployments: MemoryDeployments) -> None:
        self.missing = False
        self.runs: list[str] = []
        self._engine = engine
        self._deployments = deployments
        self._networks: dict[str, set[str]] = {}

    def version(self) -> str:
        if self.missing:
            raise ComposeMissing("there is no docker compose v2 on this host")
        return "2.26.1"

    def config(self, project: ComposeProject) -> Mapping[str, Any]:
        self._begin("config")
        model = self._read(project).project
        return {
            "name": project.name,
            "services": {item.name: {"image": str(item.image)} for item in model.services},
        }

    def up(self, project: ComposeProject, *, recreate: tuple[str, ...], progress: Progress) -> None:
        self._begin("up")
        model = self._read(project)
        with self._at_work(f"creating the containers of {project.name}"):
            self._have_places(model.project)
            self._remove_orphans(model.project, progress)
            for service in [item for stage in stages(model.project) for item in stage]:
                self._converge(model, service, forced=service.name in recreate, progress=progress)

    def down(self, project: ComposeProject, *, progress: Progress) -> None:
        self._begin("down")
        with self._at_work(f"taking down the project {project.name}"):
            for container in self._own(project.name):
                self._end(container, progress)
            for network in sorted(self._networks.pop(project.name, set())):
                self._remove_network(network)

    # One service.

    def _converge(self, model: Model, service: Service, *, forced: bool, progress: Progress) -> None:
        """Outdated containers come first, and those that are too many are removed last: so the replacement that a
        killed run left is still there, in the way of the next one.
        """
        found = sorted(
            self._own(model.project.name, service.name), key=lambda item: self._rank(model, service, item)
        )
        for container in found[: service.replicas]:
            if forced or _label(container, CONFIG_HASH_LABEL) != self._hash(model, service):
                self._replace(model, service, container, progress)
            elif container.status in {"paused", "dead"}:
                raise ComposeBusy(
                    f"{container.name}: cannot start a {container.status} container, try unpause instead"
                )
        for container in found[service.replicas :]:
            self._end(container, progress)
        taken = {self._number(item) for item in found[: service.replicas]}
        free = [number for number in range(1, service.replicas + 1) if number not in taken]
        for number in free[: max(0, service.replicas - len(found))]:
            name = model.project.container_name(service, number)
            with self._step(f"create {name}"):
                self._create(model, service, name, number)
            progress(f"{service.name}: Created")

    def _rank(self, model: Model, service: Service, container: Container) -> tuple[bool, int]:
        return _label(container, CONFIG_HASH_LABEL) == self._hash(model, service), self._number(container)

    def _replace(self, model: Model, service: Service, old: Container, progress: Progress) -> None:
        number = self._number(old)
        name = model.project.container_name(service, number)
        with self._step(f"create {name} anew"):
            new = self._create(model, service, f"{old.id[:12]}_{name}", number, replaces=old)
        with self._step(f"stop {old.name}"):
            lifecycle.stop(self._host, old, None)
        with self._step(f"remove {old.name}"):
            containers.remove(self._host, old, volumes=False)
        with self._step(f"rename {new.name}"):
            containers.rename(self._host, new, name)
        progress(f"{service.name}: Recreated")

    def _create(
        self, model: Model, service: Service, name: str, number: int, *, replaces: Container | None = None
    ) -> Container:
        final = model.project.container_name(service, number)
        labels = {
            **model.labels.get(service.name, {}),
            PROJECT_LABEL: model.project.name,
            SERVICE_LABEL: service.name,
            NUMBER_LABEL: str(number),
            ONE_OFF_LABEL: "False",
            DIRECTORY_LABEL: model.project.directory,
            CONFIG_HASH_LABEL: self._hash(model, service),
            **({REPLACES_LABEL: replaces.id} if replaces else {}),
        }
        networks = tuple(
            NetworkAttachment(item.name, tuple(sorted({*item.aliases, final, service.name})))
            for item in service.config.networks or ()
        )
        config = replace(service.config, networks=networks)
        made = containers.create(self._host, name, image=str(service.image), config=config, labels=labels)
        if replaces is not None and len(replaces.anonymous_volumes) == len(made.anonymous_volumes):
            for volume in made.anonymous_volumes:
                del self._host.volumes[volume]
            made.anonymous_volumes = replaces.anonymous_volumes
        return made

    def _hash(self, model: Model, service: Service) -> str:
        """Of all that Compose creates a container from; also of the container whose namespace is shared."""
        shared = [
            [item.id for item in self._own(model.project.name, goal.removeprefix("service:"))]
            for goal in service.namespaces.values()
        ]
        content = repr((service.image, service.config, sorted(model.labels.get(service.name, {}).items()), shared))
        return hashlib.sha256(content.encode()).hexdigest()

    # The project.

    def _have_places(self, project: Project) -> None:
        """Networks are made, volumes with their containers; what is external has to be there."""
        host = self._host
        own = self._networks.setdefault(project.name, set())
        for network in project.networks:
            own.add(network)
            if network not in host.networks:
                with self._step(f"create network {network}"):
                    host.networks.add(network)
        for network in project.external_networks:
            if network not in host.networks:
                raise ComposeBusy(f"network {network} declared as external, but could not be found")
        for volume in project.external_volumes:
            if volume not in host.volumes:
                raise ComposeFailed(f'external volume "{volume}" not found')
        host.paths |= {project.artifact_path(item) for item in project.files}

    def _remove_orphans(self, project: Project, progress: Progress) -> None:
        for container in self._own(project.name):
            if project.service(_label(container, SERVICE_LABEL)) is None:
                self._end(container, progress)

    def _remove_network(self, network: str) -> None:
        if any(
            network in {at.name for at in item.config.networks or ()} for item in self._host.containers.values()
        ):
            raise ComposeBusy(f"network {network}: Resource is still in use")
        with self._step(f"remove network {network}"):
            self._host.networks.discard(network)

    def _end(self, container: Container, progress: Progress) -> None:
        with self._step(f"stop {container.name}"):
            lifecycle.stop(self._host, container, None)
        with self._step(f"remove {container.name}"):
            containers.remove(self._host, container, volumes=False)
        progress(f"{_label(container, SERVICE_LABEL)}: Removed")

    def _own(self, project: str, service: str = "") -> list[Container]:
        found = [item for item in self._host.containers.values() if _label(item, PROJECT_LABEL) == project]
        found = [item for item in found if _label(item, ONE_OFF_LABEL) != "True"]
        return [item for item in found if not service or _label(item, SERVICE_LABEL) == service]

    def _number(self, container: Container) -> int:
        return int(_label(container, NUMBER_LABEL) or "1")

    # Files and faults.

    def _read(self, project: ComposeProject) -> Model:
        lock = next((path for path in project.files if path.endswith(f"/{LOCK_NAME}")), "")
        try:
            contents = {path: self._deployments.content(path) for path in project.files}
        except LookupError as error:
            raise ComposeFailed(f"open {error}: no such file or directory") from error
        there = self._deployments.directories[project.directory].files
        outline = Project(
            name=project.name,
            directory=project.directory,
            lock=artifact(LOCK_NAME, contents[lock]),
            services=(),
            files=tuple(
                artifact(path.rpartition("/")[2], content)
                for path, content in there.items()
                if path in self._named(project.directory, lock)
            ),
        )
        reading = read_project(outline, file=lock, document=project.name)
        if reading.project is None:
            raise ComposeFailed("; ".join(str(item) for item in reading.problems))
        return Model(reading.project, _labels([contents[path] for path in project.files if path != lock]))

    def _named(self, directory: str, lock: str) -> frozenset[str]:
        """Artifacts of the lock file's revision, by its manifest."""
        manifest = f"{lock.removeprefix(f'{directory}/').rpartition('/')[0]}/manifest.json"
        content = self._deployments.directories[directory].files.get(manifest, b'{"files": []}')
        return frozenset(json.loads(content)["files"])

    @property
    def _host(self) -> Host:
        return self._engine.host

    def _begin(self, run: str) -> None:
        self.version()
        self.runs.append(run)

    @contextmanager
    def _at_work(self, doing: str) -> Iterator[None]:
        """As one Compose that meets the engine's refusals."""
        try:
            yield
        except (NameTaken, NotFound) as error:
            kind: type[ReconcilerError] = ComposeFailed if "bind source" in error.message else ComposeBusy
            raise kind(f"{doing}: {error.message}") from error
        except EngineRefused as error:
            raise ComposeFailed(f"{doing}: {error.message}") from error

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        """A call at the engine: counted, and subject to its faults."""
        with self._engine.lock:
            self._engine.settle()
            fault = self._engine.faults.enter(Call("compose", what, mutating=True))
            yield
            self._engine.settle()
        if fault is not None:
            raise fault.error


def _label(container: Container, name: str) -> str:
    return (container.config.labels or {}).get(name, "")


def _labels(overlays: list[bytes]) -> Mapping[str, Mapping[str, str]]:
    """What the host file adds to each service."""
    found: dict[str, Mapping[str, str]] = {}
    for content in overlays:
        services = json.loads(content.replace(b": !reset {}", b": {}")).get("services", {})
        found.update({name: service.get("labels", {}) for name, service in services.items()})
    return found
