"""The common oracle: what must hold whenever the controller has settled, whatever happened before.

I1  per document exactly one running container, of the right name, of the committed generation's image
I2  every foreign container is as it was: id, name, start time
I3  nothing is left over: temporary names, helpers, stopped ones that nobody keeps, anonymous volumes
I4  history, sticker and container tell the same, or the status names the difference
I5  the audit log is whole, nothing in it is open, and all that the history says was done is in it
I6  a planted secret is nowhere but where it must be: in the container's environment and in the history's copy
    of the document (both are shown, so that the search is known to find it)
I7  converged: two further passes make no mutating call to the engine and begin nothing in the history

What is looked at comes from the engine itself; what the program believes comes from its own command line and
service. The passes of I7 run in this process, because a recording proxy must hear nobody else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import docker.errors

from reconciler.audit import show
from reconciler.audit.files import LogFiles
from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.controller.app.audit import verified
from reconciler.controller.service import Service
from reconciler.core.record import Record
from reconciler.core.status import DocumentStatus
from tests.e2e.search import SHOWING
from tests.e2e.stage import Stage, unheard
from tests.parts.socket_proxy import SocketProxy

ANONYMOUS = 64
"""The engine names a volume that nobody named with so many hexadecimal digits."""

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Believed:
    """What the program says of one document after two more passes."""

    record: Record
    status: DocumentStatus
    sticker_state: str
    sticker: bytes


class Oracle:
    """Made before a test acts: what is on the engine then is foreign, and must stay as it is."""

    def __init__(self, stage: Stage, proxy: SocketProxy) -> None:
        self._stage = stage
        self._proxy = proxy
        self._foreign = {row["Id"]: self._identity(row["Id"]) for row in stage.sdk.containers(all=True)}
        self._volumes = self._anonymous_volumes()

    def holds(self, release: str = "", *, name: str = "", job: bool = False, previous: str = "") -> None:
        """Assert all of it for one document. ``release``: the one that must run. ``job``: it has ended with 0.
        ``previous``: name of the kept container that must be there, stopped.
        """
        name = name or self._stage.name
        believed, trouble = self._two_more_passes(name)
        trouble += self._serving(believed, release, job=job)
        trouble += self._strangers()
        trouble += self._leftovers(believed, previous)
        trouble += self._witnesses(believed)
        trouble += self._noted(name)
        trouble += self._secrets(name)
        assert not trouble, "\n".join(trouble)

    def strangers_are_untouched(self) -> None:
        """I2 alone."""
        trouble = list(self._strangers())
        assert not trouble, "\n".join(trouble)

    def _two_more_passes(self, name: str) -> tuple[Believed, list[str]]:
        """I7."""
        environment = self._stage.environment(self._proxy.url)
        settings = load_settings({}, environment=environment, folder=self._stage.folder, file=None, root=True)
        with open_service(settings, exclusive=True) as service:
            before = service.record(name)
            service.plans((name,))  # a sticker in a volume is read through a helper container, once in a process
            self._proxy.forget()
            for _ in range(2):
                service.apply((name,), progress=unheard)
            changing = self._proxy.mutating()
            asked = len(self._proxy.requests)
            believed = self._believed(service, name)
        trouble = [f"I7: a further pass does {item.method} {item.path}" for item in changing]
        if asked == 0:
            trouble.append("I7: the further passes never looked at the engine")
        if (before.generation, before.operations) != (believed.record.generation, believed.record.operations):
            trouble.append("I7: a further pass writes to the history")
        return believed, trouble

    def _believed(self, service: Service, name: str) -> Believed:
        state, content = service.sticker(name)
        return Believed(
            record=service.record(name),
            status=service.status((name,))[0],
            sticker_state=state,
            sticker=content,
        )

    def _serving(self, believed: Believed, release: str, *, job: bool) -> Iterator[str]:
        """I1."""
        record, committed = believed.record, believed.record.committed
        if record.open is not None:
            yield f"I1: generation {record.open.generation} is still open"
        if committed is None or record.committed_revision is None:
            yield "I1: nothing is committed"
            return
        rows = self._own(record)
        alive = [row for row in rows if row["State"] != "exited" and row["State"] != "created"]
        serving = [row for row in rows if row["Id"] == committed.container_id]
        if len(alive) != (0 if job else 1):
            yield f"I1: {len(alive)} are alive: {[(_name(row), row['State']) for row in alive]}"
        if not serving:
            yield "I1: the committed container is gone"
            return
        told = self._stage.sdk.inspect_container(serving[0]["Id"])
        state = ("exited", 0) if job else ("running", 0)
        if (told["State"]["Status"], told["State"]["ExitCode"]) != state:
            yield f"I1: it is {told['State']}"
        if _name(serving[0]) != record.committed_revision.desired.container_name:
            yield f"I1: its name is {_name(serving[0])}"
        if told["Image"] != committed.image_id:
            yield f"I1: its image is {told['Image']}, the history says {committed.image_id}"
        if release and told["Image"] != self._stage.image(release).image_id:
            yield f"I1: its image {told['Image']} is not the one that was published as {release}"

    def _strangers(self) -> Iterator[str]:
        """I2."""
        for container, before in self._foreign.items():
            now = self._identity(container)
            if now != before:
                yield f"I2: foreign container {before} is now {now}"

    def _leftovers(self, believed: Believed, previous: str) -> Iterator[str]:
        """I3."""
        record, committed = believed.record, believed.record.committed
        rows = [row for row in self._stage.sdk.containers(all=True) if row["Id"] not in self._foreign]
        others = [row for row in rows if committed is None or row["Id"] != committed.container_id]
        failed = [row for row in others if "-failed-g" in _name(row)]
        allowed = {previous, *([_name(failed[0])] if record.quarantined and failed else [])}
        mine = {row["Id"] for row in self._own(record)}
        for row in others:
            beside = row["Id"] not in mine and "stella.helper" not in row["Labels"]
            if not beside and (_name(row) not in allowed or row["State"] == "running"):
                yield f"I3: {_name(row)} is left over, {row['State']}"
        if previous and previous not in {_name(row) for row in others}:
            yield f"I3: {previous} was to be kept, there is {[_name(row) for row in others]}"
        used = {mount.get("Name") for row in rows for mount in row["Mounts"]}
        yield from (f"I3: volume {name} is left over" for name in self._anonymous_volumes() - self._volumes - used)

    def _witnesses(self, believed: Believed) -> Iterator[str]:
        """I4."""
        record, committed = believed.record, believed.record.committed
        if committed is None:
            return
        if believed.sticker_state != "current":
            yield f"I4: the sticker is {believed.sticker_state}"
        else:
            told = json.loads(believed.sticker)
            said = (told["deployment"]["generation"], told["fingerprint"])
            if said != (committed.generation, committed.fingerprint):
                yield f"I4: the sticker says {said}, the history {(committed.generation, committed.fingerprint)}"
        labelled = self._stage.sdk.inspect_container(committed.container_id)["Config"]["Labels"]
        if labelled.get("stella.fingerprint", committed.fingerprint) != committed.fingerprint:
            yield f"I4: the container's label says {labelled['stella.fingerprint']}"
        differences = [(item.kind, item.path, item.wanted, item.found) for item in believed.status.drift]
        if record.quarantined and not any(kind == "release" for kind, *_ in differences):
            yield f"I4: quarantined, but the status does not name the release: {differences}"
        if not record.quarantined and differences:
            yield f"I4: the status shows {differences}"

    def _noted(self, name: str) -> Iterator[str]:
        """I5."""
        found = verified(self._stage.state)
        yield from (f"I5: {fault}" for fault in found.faults)
        entries = show.entries(LogFiles(self._stage.state), show.Wanted(document=name), limit=100_000)
        yield from (f"I5: {item['action']} is {show.OPEN}" for item in entries if item.get("outcome") == show.OPEN)
        noted = Counter((item["action"], item.get("outcome", "")) for item in entries)
        events = json.loads(self._stage.here("why", name, "--limit", "1000", "--json"))["events"]
        missed = Counter((item["action"], item["outcome"]) for item in events) - noted
        yield from (f"I5: {action} was {outcome}, which is not in the audit log" for action, outcome in missed)

    def _secrets(self, name: str) -> Iterator[str]:
        """I6."""
        stage, canary = self._stage, self._stage.canary
        if canary not in "".join(path.read_text() for path in stage.desired.iterdir()):
            return
        yield from (f"I6: the secret is in {place}" for place, text in self._places(name) if canary in text)
        if canary not in json.dumps(stage.inspect(name)["Config"]["Env"]):
            yield "I6: the secret never came to the container"
        if not any(canary.encode() in path.read_bytes() for path in stage.state.glob("history.db*")):
            yield "I6: the search finds nothing even in the history's copy of the document"

    def _places(self, name: str) -> Iterator[tuple[str, str]]:
        """Where no secret may be, each with its text. What ``search`` asks for at the end is left to it."""
        for words in (("status",), ("plan",), ("why", name), ("history", name)):
            for command in (words, (*words, "--json")):
                if command not in SHOWING:
                    yield " ".join(command), self._stage.here(*command)
        for text in self._stage.said:
            yield "what a program said", text
        for row in self._stage.sdk.containers(all=True):
            yield f"labels or command of {_name(row)}", json.dumps([row["Labels"], row["Command"]])
        for path in (self._stage.folder / "stickers").rglob("*.json"):
            yield f"sticker {path.name}", path.read_text(errors="replace")

    def _own(self, record: Record) -> list[Json]:
        """The containers of the document: by the history's ids, or by our label and owner."""
        known = {item.container_id for item in record.operations}
        return [
            row
            for row in self._stage.sdk.containers(all=True)
            if row["Id"] in known
            or (
                row["Labels"].get("stella.owner") == record.owner
                and row["Labels"].get("stella.document") == record.document
                and row["Id"] not in self._foreign
            )
        ]

    def _identity(self, container: str) -> tuple[str, str, str]:
        try:
            told = self._stage.sdk.inspect_container(container)
        except docker.errors.NotFound:
            return container, "gone", ""
        return container, str(told["Name"]).removeprefix("/"), str(told["State"]["StartedAt"])

    def _anonymous_volumes(self) -> set[str]:
        found = self._stage.sdk.volumes()["Volumes"] or ()
        return {item["Name"] for item in found if len(item["Name"]) == ANONYMOUS}


def _name(row: Json) -> str:
    return str(row["Names"][0]).removeprefix("/")
