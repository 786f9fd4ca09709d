"""What must hold of every document when it is quiet: the common oracle, asked once for all of them.

I1  the right release runs, once, under its name, of the committed image (a job has ended with 0)
I2  strangers are there, as they were: id and time of their start
I3  nothing is left over but what failed and is kept to be looked at
I4  history, sticker and container tell the same
I7  two further passes change neither host nor history

Secrets (I6) are looked for at the end of the whole run, as after every test: each document carries one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.core.record import Record
from tests.chaos.citizen import Citizen
from tests.chaos.town import Town
from tests.e2e.stage import unheard

Row = dict[str, Any]
Rows = list[Row]


def strangers(town: Town) -> dict[str, tuple[str, str]]:
    """Every container that carries no label of ours, by name: its id and when it was started."""
    rows = town.stage.sdk.containers(all=True)
    return {
        _name(row): (row["Id"], town.stage.sdk.inspect_container(row["Id"])["State"]["StartedAt"])
        for row in rows
        if "stella.document" not in row["Labels"]
    }


def troubles(town: Town, before: Mapping[str, tuple[str, str]]) -> list[str]:
    """Every breach, in words. The controller must not run."""
    found, records = _two_more_passes(town)
    rows: Rows = town.stage.sdk.containers(all=True)
    for citizen in town.citizens:
        found += _of(town, citizen, rows, records[citizen.name])
    now = strangers(town)
    found += [f"I2: {name} was touched" for name, known in before.items() if now.get(name) != known]
    found += [f"I3: {_name(row)} is left over" for row in rows if "-next-g" in _name(row)]
    return found


def _two_more_passes(town: Town) -> tuple[list[str], dict[str, Record]]:
    """I7, and what the history says then."""
    environment = town.stage.environment(town.proxy.url)
    settings = load_settings({}, environment=environment, folder=town.stage.folder, file=None, root=True)
    with open_service(settings, exclusive=True) as service:
        service.plans()
        before = {citizen.name: service.record(citizen.name) for citizen in town.citizens}
        town.proxy.forget()
        for _ in range(2):
            service.apply((), progress=unheard)
        after = {citizen.name: service.record(citizen.name) for citizen in town.citizens}
        found = [f"I7: a further pass does {item.method} {item.path}" for item in town.proxy.mutating()]
        if not town.proxy.requests:
            found.append("I7: the further passes never looked at the engine")
    changed = [name for name in before if before[name].operations != after[name].operations]
    return [*found, *(f"I7: a further pass writes to the history of {name}" for name in changed)], after


def _of(town: Town, citizen: Citizen, rows: Rows, record: Record) -> Iterator[str]:
    own = [row for row in rows if row["Labels"].get("stella.document") == citizen.name]
    states = [(_name(row), row["State"]) for row in own]
    if record.open is not None:
        yield f"I1: generation {record.open.generation} of {citizen.name} is still open"
    committed, revision = record.committed, record.committed_revision
    if committed is None or revision is None:
        yield f"I1: nothing of {citizen.name} is committed: {states}"
        return
    yield from _sticker(town, citizen, (committed.generation, committed.fingerprint))
    if citizen.kind == "project":
        yield from _project(town, citizen, own, revision.release.id)
        return
    running = [row for row in own if row["State"] not in {"exited", "created", "dead"}]
    if len(running) != (citizen.kind != "job") or any(row["State"] != "running" for row in running):
        yield f"I1: {citizen.name}: {states}"
    serving = next((row for row in own if row["Id"] == committed.container_id), None)
    if serving is None:
        yield f"I1: the committed container of {citizen.name} is gone: {states}"
        return
    yield from _serving(citizen, serving, revision.release.id, committed.image_id)
    yield from (f"I3: {_name(row)} is left over" for row in own if row is not serving and not _kept(row))


def _project(town: Town, citizen: Citizen, own: Rows, release: str) -> Iterator[str]:
    yield from _wanted(citizen, release)
    wanted = town.wishes.services(int(release.removeprefix("r")))
    images = dict(zip(citizen.containers, wanted.values(), strict=True))
    found = {_name(row): (row["State"], row["ImageID"]) for row in own}
    if found != {name: ("running", image) for name, image in images.items()}:
        yield f"I1: {citizen.name} is {found}, wanted are {images}"


def _wanted(citizen: Citizen, release: str) -> Iterator[str]:
    if release not in {f"r{number}" for number in citizen.serving}:
        yield f"I1: {citizen.name} is {release}, not one of {set(citizen.serving)}"


def _serving(citizen: Citizen, row: Row, release: str, image: str) -> Iterator[str]:
    yield from _wanted(citizen, release)
    if _name(row) != citizen.name or row["ImageID"] != image:
        yield f"I1: {citizen.name} is {_name(row)} of {row['ImageID']}, the history says {image}"
    if citizen.kind == "job" and not row["Status"].startswith("Exited (0)"):
        yield f"I1: the job {citizen.name} is {row['Status']}"


def _kept(row: Row) -> bool:
    """What failed, to be looked at."""
    return "-failed-g" in _name(row) and row["State"] != "running"


def _sticker(town: Town, citizen: Citizen, committed: tuple[int, str]) -> Iterator[str]:
    try:
        told = json.loads(town.stage.sticker(citizen.name).read_text())
        said = told["deployment"]["generation"], told["fingerprint"]
    except (OSError, ValueError, KeyError) as error:
        yield f"I4: {citizen.name}: no sticker: {error!r}"
        return
    if said != committed:
        yield f"I4: {citizen.name}: the sticker says {said}, the history {committed}"


def _name(row: Row) -> str:
    return str(row["Names"][0]).removeprefix("/") if row["Names"] else "(being removed)"
