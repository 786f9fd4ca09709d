"""A host that carries out a project's Actions as Compose and the engine would, as far as plans depend on it.

Small on purpose: containers without time, files without a disk. What a service does when it is started is in
``behaviours``: ``well`` (the default), ``done`` (ends with 0), ``unhealthy``, ``exits`` (ends with 1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import action as actions
from reconciler.core import names
from reconciler.core.action import Action
from reconciler.core.compose.files import wanted_digests
from reconciler.core.container import ContainerConfig, NetworkAttachment, RestartPolicy
from reconciler.core.desired import DesiredState, Release
from reconciler.core.effective import effective_config
from reconciler.core.image import ImageReference
from reconciler.core.observation import (
    ContainerDetail,
    ContainerRow,
    DeploymentReading,
    EngineFacts,
    Health,
    ImageFacts,
    Observation,
    Status,
    StickerState,
)
from reconciler.core.plan import Plan
from reconciler.core.planning import make_plan
from reconciler.core.project import (
    CONFIG_HASH_LABEL,
    DIRECTORY_LABEL,
    NUMBER_LABEL,
    PROJECT_LABEL,
    REPLACES_LABEL,
    SERVICE_LABEL,
    Project,
    Service,
    artifact,
    stages,
)
from reconciler.core.situation import Situation
from reconciler.core.subject import subject
from tests.simulator.journal import MemoryJournal

DOCUMENT = "shop"


class Dies(Exception):
    """The controller is killed here."""


class Fails(Exception):
    """An Action fails."""


def reference(word: str) -> ImageReference:
    return ImageReference(
        f"registry.example.com/shop/{word}", f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"
    )


def service(name: str, image: str = "", **fields: Any) -> Service:
    config = ContainerConfig(
        restart_policy=RestartPolicy("no" if fields.get("completes") else "unless-stopped"),
        networks=(NetworkAttachment("shop_default"),),
    )
    return Service(
        name=name,
        image=reference(image or name),
        config=replace(config, **fields.pop("config", {})),
        **fields,
    )


def document(release: str, *services: Service, **fields: Any) -> DesiredState:
    """A project of these services; keys of ``fields`` that a Project has are its, others the document's."""
    own = {key: fields.pop(key) for key in tuple(fields) if key in Project.__dataclass_fields__ and key != "name"}
    project = Project(
        name=fields.pop("project_name", DOCUMENT),
        directory=own.pop("directory", "/srv/shop"),
        lock=artifact("lock", repr(services).encode()),
        services=tuple(sorted(services, key=lambda item: item.name)),
        **own,
    )
    return DesiredState(
        name=DOCUMENT,
        release=Release(release, f"Shop {release}"),
        project=project,
        kind="ComposeProject",
        **fields,
    )


@dataclass(slots=True, kw_only=True)
class Box:
    """A container."""

    id: str
    name: str
    image: ImageReference
    config: ContainerConfig
    labels: dict[str, str]
    status: Status = "created"
    health: Health = "none"
    exit_code: int = 0
    error: str = ""

    @property
    def service(self) -> str:
        return self.labels.get(SERVICE_LABEL, "")


@dataclass(slots=True)
class Host:
    """``die_in_up``: how many steps of the next ComposeUp are done before the controller dies in it."""

    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(clock=lambda: 0.0))
    boxes: list[Box] = field(default_factory=list)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    behaviours: dict[str, str] = field(default_factory=dict)
    wanted: DesiredState | None = None
    sticker: str = ""
    die_in_up: int | None = None
    compose: str = ""
    absent_images: set[str] = field(default_factory=set)
    made: int = 0
    now: float = 0.0

    def box(self, name: str) -> Box:
        return next(item for item in self.boxes if item.name == name)

    def add(self, name: str, labels: dict[str, str] | None = None, **fields: Any) -> Box:
        """A container made by hand."""
        self.made += 1
        key = hashlib.sha256(str(self.made).encode()).hexdigest()
        fields = {"image": reference("else"), "config": ContainerConfig(), "status": "running", **fields}
        self.boxes.append(Box(id=key, name=name, labels=labels or {}, **fields))
        return self.boxes[-1]

    def observe(self, desired: DesiredState) -> Observation:
        asked = subject(desired, self.journal.record(DOCUMENT))
        known = self.files.get(asked.directory, {})
        facts = {_image_id(box.image): _facts(box.image) for box in self.boxes}
        return Observation(
            containers=tuple(_row(box) for box in self.boxes),
            details={box.id: _detail(box) for box in self.boxes},
            images=facts,
            references={
                str(item): None if str(item) in self.absent_images else _image_id(item) for item in asked.images
            },
            networks=frozenset({"shop_default"}),
            deployments={
                DOCUMENT: DeploymentReading(
                    active=self.active.get(asked.directory, ""),
                    digests={path: known[path] for path in asked.files if path in known},
                )
            },
        )

    def situation(self, **fields: Any) -> Situation:
        assert self.wanted is not None
        record = self.journal.record(DOCUMENT)
        state: StickerState = "absent"
        if record.committed is not None:
            state = "current" if self.sticker == record.committed.fingerprint else "stale"
        return Situation(
            desired=self.wanted,
            observation=self.observe(self.wanted),
            record=record,
            sticker=state,
            now=self.now,
            **fields,
        )

    def plan(self, **fields: Any) -> Plan:
        return make_plan(self.situation(**fields))

    def one_pass(self, hook: Callable[[str, int], None] = lambda edge, number: None) -> Plan:
        """Plan and perform, as far as it goes; a failure is concluded as the controller does."""
        plan = self.plan()
        for number, action in enumerate(plan.actions, start=1):
            hook("before", number)
            try:
                self.perform(action)
            except Fails as failed:
                record = self.journal.record(DOCUMENT)
                if record.open is not None and plan.purpose != "undo":
                    reason = str(failed)
                    self.journal.failed(DOCUMENT, record.open.generation, reason=reason, quarantine=True)
                break
            hook("after", number)
        return plan

    def settle(self, desired: DesiredState | None = None, most: int = 9) -> Plan:
        """Pass after pass until nothing is to be done; the last plan."""
        self.wanted = desired or self.wanted
        for _ in range(most):
            plan = self.one_pass()
            if not plan.actions:
                return plan
        raise AssertionError(f"not settled: {[action.kind for action in plan.actions]}")

    def perform(self, action: Action) -> None:
        getattr(self, "do_" + action.kind.replace("-", "_"))(action)

    def do_pull_image(self, action: actions.PullImage) -> None:
        self.absent_images.discard(str(action.image))

    def do_verify_image(self, action: actions.VerifyImage) -> None:
        assert str(action.image) not in self.absent_images

    def do_write_revision(self, action: actions.WriteRevision) -> None:
        record = self.journal.record(DOCUMENT)
        files = self.files.setdefault(action.project.directory, {})
        files |= wanted_digests(action.desired, action.project, record)

    def do_check_project(self, action: actions.CheckProject) -> None:
        self._safe(action.project)

    def do_record_intent(self, action: actions.RecordIntent) -> None:
        self.journal.begin(
            action.desired,
            generation=action.generation,
            kind=action.operation,
            container_id="",
            cause=action.cause,
            actor="test",
        )

    def do_activate_revision(self, action: actions.ActivateRevision) -> None:
        mark = f"revisions/{action.desired.fingerprint}/manifest.json"
        assert mark in self.files.get(action.project.directory, {}), "activated before it was written"
        self.active[action.project.directory] = action.desired.fingerprint

    def do_compose_up(self, action: actions.ComposeUp) -> None:
        self._safe(action.project)
        for step, change in enumerate(self._checked(action)):
            if step == self.die_in_up:
                self.die_in_up = None
                raise Dies("in compose up")
            change()

    def _checked(self, action: actions.ComposeUp) -> Iterator[Callable[[], object]]:
        yield from self._changes(action)
        left = [box.name for box in self._of(action.project) if box.status == "paused"]
        assert not left, f"paused: {left}"

    def _changes(self, action: actions.ComposeUp) -> Iterator[Callable[[], object]]:
        project = action.project
        wanted = {(item.name, number): item for item in project.services for number in range(1, item.replicas + 1)}
        for box in list(self._of(project)):
            if (box.service, int(box.labels.get(NUMBER_LABEL, "0"))) not in wanted:
                yield lambda box=box: self.boxes.remove(box)  # type: ignore[misc]
        order = [item.name for stage in stages(project) for item in stage]
        for (name, number), item in sorted(wanted.items(), key=lambda one: order.index(one[0][0])):
            yield from self._have(action, item, number, project.container_name(item, number))
            assert any(box.service == name for box in self.boxes)

    def _have(
        self, action: actions.ComposeUp, item: Service, number: int, name: str
    ) -> Iterator[Callable[[], object]]:
        there = [
            box
            for box in self._of(action.project)
            if box.service == item.name and box.labels[NUMBER_LABEL] == str(number)
        ]
        if not there:
            yield lambda: self._create(action, item, number, name)
            return
        (old,) = there  # a leftover beside its predecessor is a name conflict for Compose
        if old.labels[CONFIG_HASH_LABEL] == self._hash(action, item) and item.name not in action.recreate:
            return
        made: list[Box] = []
        yield lambda: made.append(self._create(action, item, number, f"{old.id[:12]}_{name}", replaces=name))
        yield lambda: self._end(old)
        yield lambda: self.boxes.remove(old)
        yield lambda: self._rename(made[0], name)

    def _create(self, action: actions.ComposeUp, item: Service, number: int, name: str, replaces: str = "") -> Box:
        assert all(box.name != name for box in self.boxes), f"name conflict: {name}"
        project = action.project
        labels = {
            PROJECT_LABEL: project.name,
            DIRECTORY_LABEL: project.directory,
            SERVICE_LABEL: item.name,
            NUMBER_LABEL: str(number),
            CONFIG_HASH_LABEL: self._hash(action, item),
            names.OWNER: self.journal.owner,
            names.DOCUMENT: DOCUMENT,
            **({REPLACES_LABEL: replaces} if replaces else {}),
        }
        config = _live(item, project.container_name(item, number), self._shared(item))
        return self.add(name, labels, image=item.image, config=config, status="created")

    def _hash(self, action: actions.ComposeUp, item: Service) -> str:
        """Of all that a container is made from; also of the container whose network it lives in."""
        paths = [action.project.artifact_path(file) for file in action.project.files]
        mounted = [path for path in paths for file in item.files if path.endswith("/" + file.artifact)]
        known = (
            str(item.image),
            item.config,
            item.extras,
            mounted,
            self._shared(item),
            self.compose,
        )
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def _shared(self, item: Service) -> str:
        of = item.namespaces.get("network", "").removeprefix("service:")
        found = [box.id for box in self.boxes if of and box.service == of]
        return f"container:{found[0]}" if found else ""

    def _of(self, project: Project) -> Iterator[Box]:
        return (box for box in self.boxes if box.labels.get(PROJECT_LABEL) == project.name)

    def _safe(self, project: Project) -> None:
        for box in self._of(project):
            assert box.labels[DIRECTORY_LABEL] == project.directory, f"a stranger in the project: {box.name}"
            assert box.labels.get(names.OWNER, self.journal.owner) == self.journal.owner

    def do_compose_down(self, action: actions.ComposeDown) -> None:
        self._safe(action.project)
        self.boxes = [box for box in self.boxes if box not in list(self._of(action.project))]

    def do_start_service(self, action: actions.StartService) -> None:
        boxes = [box for box in self._of(action.project) if box.service == action.service]
        assert boxes, f"nothing to start of {action.service}"
        for box in boxes:
            if box.status == "running" or (box.status == "exited" and self._behaviour(box) == "done"):
                continue
            self._begin(box)

    def _behaviour(self, box: Box) -> str:
        return self.behaviours.get(box.image.repository.rpartition("/")[2], "well")

    def _begin(self, box: Box) -> None:
        word = self._behaviour(box)
        box.status = "exited" if word in {"done", "exits"} else "running"
        box.exit_code = int(word == "exits")
        box.health = "unhealthy" if word == "unhealthy" else "none"

    def _end(self, box: Box) -> None:
        if box.status == "running":
            box.status, box.exit_code = "exited", 137

    def _rename(self, box: Box, name: str) -> None:
        assert all(other.name != name for other in self.boxes if other is not box), f"name conflict: {name}"
        box.name = name

    def do_wait_service(self, action: actions.WaitService) -> None:
        self._prove(action.project, action.service)

    def do_wait_project(self, action: actions.WaitProject) -> None:
        for item in action.project.services:
            self._prove(action.project, item.name)

    def _prove(self, project: Project, name: str) -> None:
        item = project.service(name)
        boxes = [box for box in self._of(project) if box.service == name]
        assert item is not None
        if len(boxes) != item.replicas:
            raise Fails(f"{name}: {len(boxes)} containers")
        for box in boxes:
            done = item.completes and box.status == "exited" and box.exit_code == 0
            if not done and (box.status != "running" or box.health == "unhealthy"):
                raise Fails(f"{name} is {box.status} {box.health}")

    def do_verify_project(self, action: actions.VerifyProject) -> None:
        hashes = {}
        for box in self._of(action.project):
            item = action.project.service(box.service)
            assert item is not None
            assert box.image == item.image, f"{box.name} runs another image"
            hashes[box.service] = box.labels[CONFIG_HASH_LABEL]
        self.journal.hashed(DOCUMENT, action.generation, hashes)

    def do_commit(self, action: actions.Commit) -> None:
        self.journal.commit(DOCUMENT, action.generation)

    def do_record_undone(self, action: actions.RecordUndone) -> None:
        self.journal.undone(DOCUMENT, action.generation)

    def do_record_heal(self, action: actions.RecordHeal) -> None:
        self.journal.healed(DOCUMENT, cause=action.cause)

    def do_end_quarantine(self, action: actions.EndQuarantine) -> None:
        self.journal.end_quarantine(DOCUMENT)

    def do_hold(self, action: actions.Hold) -> None:
        self.journal.hold(DOCUMENT, reason=action.cause)

    def do_release_hold(self, action: actions.ReleaseHold) -> None:
        self.journal.release(DOCUMENT)

    def do_write_sticker(self, action: actions.WriteSticker) -> None:
        committed = self.journal.record(DOCUMENT).committed
        assert committed is not None
        self.sticker = committed.fingerprint

    def do_remove_sticker(self, action: actions.RemoveSticker) -> None:
        self.sticker = ""

    def do_forget_document(self, action: actions.ForgetDocument) -> None:
        self.journal.forget(DOCUMENT)

    def do_remove_revision(self, action: actions.RemoveRevision) -> None:
        files = self.files[action.project.directory]
        mark = f"revisions/{action.desired.fingerprint}/"
        self.files[action.project.directory] = {key: item for key, item in files.items() if mark not in key}

    def do_remove_deployment(self, action: actions.RemoveDeployment) -> None:
        self.files.pop(action.project.directory, None)
        self.active.pop(action.project.directory, None)

    def do_remove_image(self, action: actions.RemoveImage) -> None:
        self.absent_images.add(str(action.image))
        self.journal.image_collected(DOCUMENT, action.fingerprint)

    def _by_id(self, key: str) -> Box:
        return next(box for box in self.boxes if box.id == key)

    def do_stop_container(self, action: actions.StopContainer) -> None:
        self._end(self._by_id(action.container.id))

    def do_remove_container(self, action: actions.RemoveContainer) -> None:
        self.boxes.remove(self._by_id(action.container.id))

    def do_rename_container(self, action: actions.RenameContainer) -> None:
        self._rename(self._by_id(action.container.id), action.to)

    def do_unpause_container(self, action: actions.UnpauseContainer) -> None:
        self._by_id(action.container.id).status = "running"

    def do_set_restart_policy(self, action: actions.SetRestartPolicy) -> None:
        box = self._by_id(action.container.id)
        box.config = replace(box.config, restart_policy=action.policy)

    def do_update_limits(self, action: actions.UpdateLimits) -> None:
        box = self._by_id(action.container.id)
        told = {"memory_bytes": action.memory_bytes, "memory_swap_bytes": action.memory_swap_bytes}
        told |= {"nano_cpus": action.nano_cpus, "pids_limit": action.pids_limit}
        changes: dict[str, Any] = {key: value for key, value in told.items() if value is not None}
        box.config = replace(box.config, **changes)


def _live(item: Service, name: str, shared: str) -> ContainerConfig:
    networks = tuple(
        replace(net, aliases=tuple(sorted({*net.aliases, item.name, name})))
        for net in item.config.networks or ()
        if net.name not in {"none", "host"}
    )
    if shared or "network" in item.namespaces or not networks:
        networks = (NetworkAttachment(shared or "none"),)
    return effective_config(replace(item.config, networks=networks), _facts(item.image), EngineFacts())


def _image_id(image: ImageReference) -> str:
    return "sha256:" + hashlib.sha256(str(image).encode()).hexdigest()


def _facts(image: ImageReference) -> ImageFacts:
    return ImageFacts(id=_image_id(image), repo_digests=(str(image),), command=("serve",))


def _row(box: Box) -> ContainerRow:
    return ContainerRow(
        id=box.id,
        name=box.name,
        image_id=_image_id(box.image),
        status=box.status,
        health=box.health,
        labels=dict(box.labels),
        ports=box.config.ports or (),
    )


def _detail(box: Box) -> ContainerDetail:
    return ContainerDetail(
        id=box.id,
        name=box.name,
        image_id=_image_id(box.image),
        image_reference=str(box.image),
        config=box.config,
        status=box.status,
        health=box.health,
        exit_code=box.exit_code,
        error=box.error,
        published=box.config.ports or (),
    )
