"""The oracle of a Compose project: what must hold whenever the program has settled, whatever happened before.

I1  exactly the wanted containers: names, states, images by the digests, labels of ownership, one network
    attachment and mount as the model says it; jobs have ended with 0 and ran as often as the test says
I2  every foreign container is as it was: id, name, start time
I3  nothing is left over: names that Compose gives for a moment, networks, volumes, folders of revisions, processes
I4  history, sticker, files on disk and the active folder tell the same
I6  a planted secret is in none of the outputs, labels and stickers
I7  converged: two further passes make no mutating call to the engine, start no program (no Compose either) and
    begin nothing in the history

What is looked at comes from the engine itself and from the disk; what the program believes, from its service.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.core.record import Record
from reconciler.core.status import DocumentStatus
from tests.e2e.compose.project_stage import LOCK, PROJECT, SERVICE, ProjectStage
from tests.e2e.oracle import ANONYMOUS, Oracle
from tests.e2e.search import SHOWING
from tests.e2e.stage import unheard
from tests.parts.host import processes_with
from tests.parts.process_starts import recorded
from tests.parts.socket_proxy import SocketProxy

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Believed:
    """What the program says of the project after two more passes."""

    record: Record
    status: DocumentStatus
    sticker_state: str
    sticker: bytes


class ProjectOracle:
    """Made before a test acts: what is on the engine then is foreign, and must stay as it is."""

    def __init__(self, project: ProjectStage, proxy: SocketProxy) -> None:
        self._project = project
        self._proxy = proxy
        self._sdk = project.stage.sdk
        self._strangers = Oracle(project.stage, proxy)
        self._networks = self._network_names()
        self._volumes = self._volume_names()

    def holds(self, *, runs: int | None = None, quarantined: bool = False) -> None:
        """Assert all of it for the model that the project stage wrote last, or for the one that it was told stands
        (``ProjectStage.model``). ``runs``: how often the job ran in all. ``quarantined``: the newest document
        failed, and the status must say so.
        """
        believed, trouble = self._two_more_passes()
        trouble += self._serving()
        trouble += self._leftovers(believed)
        trouble += self._witnesses(believed, quarantined=quarantined)
        trouble += self._secrets()
        if runs is not None and self._project.runs() != runs:
            trouble.append(f"I1: the job ran {self._project.runs()} times, not {runs}")
        assert not trouble, "\n".join(trouble)
        self._strangers.strangers_are_untouched()

    def nothing_is_left(self, *, volumes: bool = True) -> None:
        """Assert that the host is as it was before the project, but for its volumes."""
        trouble = [f"I3: {name} is left over" for name in self._project.containers()]
        trouble += [f"I3: network {name} is left over" for name in self._network_names() - self._networks]
        wanted = set() if not volumes else {f"{self._project.name}_{key}" for key in self._model("volumes")}
        if wanted - self._volume_names():
            trouble.append(f"I3: volumes {wanted - self._volume_names()} are gone")
        trouble += self._processes()
        assert not trouble, "\n".join(trouble)
        self._strangers.strangers_are_untouched()

    def strangers_are_untouched(self) -> None:
        """I2 alone."""
        self._strangers.strangers_are_untouched()

    def _two_more_passes(self) -> tuple[Believed, list[str]]:
        """I7."""
        stage, name = self._project.stage, self._project.name
        environment = stage.environment(self._proxy.url)
        settings = load_settings({}, environment=environment, folder=stage.folder, file=None, root=True)
        with open_service(settings, exclusive=True) as service:
            before = service.record(name)
            self._proxy.forget()
            with recorded() as started:
                for _ in range(2):
                    service.apply((name,), progress=unheard)
            changing, asked = self._proxy.mutating(), len(self._proxy.requests)
            state, content = service.sticker(name)
            believed = Believed(
                record=service.record(name),
                status=service.status((name,))[0],
                sticker_state=state,
                sticker=content,
            )
        trouble = [f"I7: a further pass does {item.method} {item.path}" for item in changing]
        trouble += [f"I7: a further pass starts {item}" for item in started]
        if asked == 0:
            trouble.append("I7: the further passes never looked at the engine")
        if (before.generation, before.operations) != (believed.record.generation, believed.record.operations):
            trouble.append("I7: a further pass writes to the history")
        return believed, trouble

    def _serving(self) -> Iterator[str]:
        """I1."""
        found = self._project.containers()
        wanted = dict(self._wanted())
        yield from (f"I1: {name} is missing" for name in wanted.keys() - found.keys())
        yield from (
            f"I1: {name} is too much, {found[name]['State']['Status']}" for name in found.keys() - wanted.keys()
        )
        by_tag = {image.tagged: image for image in self._project.images.all()}
        for name in sorted(wanted.keys() & found.keys()):
            service, told = wanted[name], found[name]
            model, image = self._model("services")[service], by_tag[self._model("services")[service]["image"]]
            state = ("exited", 0) if model.get("restart") == "no" else ("running", 0)
            if (told["State"]["Status"], told["State"]["ExitCode"]) != state:
                yield f"I1: {name} is {told['State']}"
            if told["Image"] != image.image_id or told["Config"]["Image"] != image.reference:
                yield f"I1: {name} has the image {told['Config']['Image']}, not {image.reference}"
            if told["State"].get("Health", {}).get("Status", "healthy") != "healthy" and state[0] == "running":
                yield f"I1: {name} is {told['State']['Health']['Status']}"
            yield from self._labels(name, service, told, image.digest)
            yield from self._settings(name, model, told)

    def _labels(self, name: str, service: str, told: Json, digest: str) -> Iterator[str]:
        wanted = {
            PROJECT: self._project.name,
            SERVICE: service,
            "com.docker.compose.project.working_dir": str(self._project.directory),
            "stella.document": self._project.name,
            "stella.component.id": service,
            "stella.digest": digest,
        }
        labels = told["Config"]["Labels"]
        for key, value in wanted.items():
            if labels.get(key) != value:
                yield f"I1: label {key} of {name} is {labels.get(key)!r}, not {value!r}"
        if not labels.get("stella.owner"):
            yield f"I1: {name} has no owner"

    def _settings(self, name: str, model: Json, told: Json) -> Iterator[str]:
        host, networks = told["HostConfig"], set(told["NetworkSettings"]["Networks"])
        if host["RestartPolicy"]["Name"] != model.get("restart", "no"):
            yield f"I1: restart policy of {name} is {host['RestartPolicy']}"
        limit = int(str(model.get("mem_limit", "0m")).removesuffix("m")) << 20
        if host["Memory"] != limit:
            yield f"I1: memory limit of {name} is {host['Memory']}, not {limit}"
        wanted = {f"{self._project.name}_{key}" for key in model.get("networks", ["default"])}
        if networks != wanted:
            yield f"I1: {name} is in the networks {networks}, not {wanted}"
        bound = [one for port in host["PortBindings"].values() for one in port or ()]
        ports = {f"{one['HostIp']}:{one['HostPort']}" for one in bound}
        if ports != {port.rpartition(":")[0] for port in model.get("ports", ())}:
            yield f"I1: {name} publishes {ports}"

    def _leftovers(self, believed: Believed) -> Iterator[str]:
        """I3."""
        project = self._project
        for row in self._sdk.containers(all=True):
            name = row["Names"][0].removeprefix("/")
            if project.is_temporary(name):
                yield f"I3: {name} is left over, {row['State']}"
        keys = self._model("networks") or {"default": {}}
        networks = {f"{project.name}_{key}" for key in keys}
        if self._network_names() - self._networks != networks:
            yield f"I3: the networks are {self._network_names() - self._networks}, not {networks}"
        volumes = {f"{project.name}_{key}" for key in self._model("volumes")}
        if {name for name in self._volume_names() - self._volumes if len(name) != ANONYMOUS} != volumes:
            yield f"I3: the volumes are {self._volume_names() - self._volumes}, not {volumes}"
        yield from self._processes()
        known = {item.fingerprint for item in believed.record.revisions}
        for folder in (project.directory / "revisions").iterdir():
            if folder.name not in known:
                yield f"I3: {folder} belongs to no revision"

    def _processes(self) -> Iterator[str]:
        text = str(self._project.directory)
        yield from (f"I3: process {pid} works on {text}" for pid in processes_with(text))

    def _witnesses(self, believed: Believed, *, quarantined: bool) -> Iterator[str]:
        """I4."""
        record, committed = believed.record, believed.record.committed
        if record.open is not None:
            yield f"I4: generation {record.open.generation} is still open"
        if committed is None:
            yield "I4: nothing is committed"
            return
        if believed.sticker_state != "current":
            yield f"I4: the sticker is {believed.sticker_state}"
        else:
            told = json.loads(believed.sticker)
            said = (told["deployment"]["generation"], told["fingerprint"])
            if said != (committed.generation, committed.fingerprint):
                yield f"I4: the sticker says {said}, the history {(committed.generation, committed.fingerprint)}"
        active = self._project.active()
        if active.name != committed.fingerprint:
            yield f"I4: active is {active.name}, committed {committed.fingerprint}"
        yield from self._files(active)
        kinds = {item.kind for item in believed.status.drift}
        if quarantined and (not record.quarantined or "release" not in kinds):
            yield f"I4: the status does not name the release: {believed.status}"
        if not quarantined and (kinds or record.quarantined or believed.status.sync != "Synced"):
            yield f"I4: the status shows {believed.status}"

    def _files(self, active: Path) -> Iterator[str]:
        """What lies on the host is what was declared: the lock byte for byte, every artifact under its digest."""
        manifest = json.loads((active / "manifest.json").read_text())
        if manifest["lock"] != _sha256(active / LOCK):
            yield "I4: the lock file on the host is not the one in the manifest"
        for path in (self._project.directory / "files").rglob("*"):
            if path.is_file() and _sha256(path) != path.parent.name:
                yield f"I4: {path} does not have the content that it is named after"

    def _secrets(self) -> Iterator[str]:
        """I6."""
        stage = self._project.stage
        if stage.canary not in self._project.lock_file.read_text():
            return
        for words in ("status", "plan", "why", "history"):
            self._project.here(words, self._project.name)
            if (words, "--json") not in SHOWING:  # what ``search`` asks for at every test's end is left to it
                self._project.here(words, self._project.name, "--json")
        if any(stage.canary in text for text in stage.said):
            yield "I6: the secret is in what a program said"
        for row in self._sdk.containers(all=True):
            if stage.canary in json.dumps([row["Labels"], row["Command"]]):
                yield f"I6: the secret is in labels or command of {row['Names']}"
        for path in (stage.folder / "stickers").rglob("*.json"):
            if stage.canary in path.read_text(errors="replace"):
                yield f"I6: the secret is in the sticker {path.name}"

    def _wanted(self) -> Iterator[tuple[str, str]]:
        """Container name and service."""
        for service, model in self._model("services").items():
            for number in range(1, model.get("scale", 1) + 1):
                yield self._project.container(service, number), service

    def _model(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self._project.model.get(key, {})
        return found

    def _network_names(self) -> set[str]:
        return {item["Name"] for item in self._sdk.networks()}

    def _volume_names(self) -> set[str]:
        return {item["Name"] for item in self._sdk.volumes()["Volumes"] or ()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
