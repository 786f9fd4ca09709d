"""What must hold of every document when it is quiet: the common oracle, asked once for all of them.

I1  the right release runs, once, under its name (of a job: has ended), of the right image
I2  strangers are there, with their ids
I3  nothing is left over but what failed and is kept to be looked at
I4  sticker, container and status tell the same
I6  the planted secret is in nothing that was said
I7  two further passes change nothing
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from tests.chaos.town import Citizen, Town
from tests.e2e.stage import unheard

Rows = list[dict[str, Any]]


def strangers(town: Town) -> dict[str, str]:
    """Name and id of every container that carries no label of ours."""
    rows = town.stage.sdk.containers(all=True)
    return {_name(row): row["Id"] for row in rows if "stella.document" not in row["Labels"]}


def troubles(town: Town, before: dict[str, str]) -> list[str]:
    """Every breach, in words. The controller must not run."""
    rows: Rows = town.stage.sdk.containers(all=True)
    found = [trouble for citizen in town.citizens for trouble in _of(town, citizen, rows)]
    now = strangers(town)
    found += [f"I2: {name} is another or gone" for name, known in before.items() if now.get(name) != known]
    found += [f"I3: {_name(row)} is left over" for row in rows if "-next-g" in _name(row)]
    return [*found, *_another_pass(town)]


def _of(town: Town, citizen: Citizen, rows: Rows) -> Iterator[str]:
    own = [row for row in rows if row["Labels"].get("stella.document") == citizen.name]
    alive = [row for row in own if row["State"] not in {"exited", "created", "dead"}]
    if not citizen.serving:
        yield from (f"I1: {_name(row)} runs, though nothing was ever good" for row in alive)
        return
    if len(alive) != (citizen.kind != "job"):
        yield f"I1: {citizen.name}: {[(_name(row), row['State']) for row in own]}"
    named = [row for row in own if _name(row) == citizen.name]
    if not named:
        yield f"I1: {citizen.name} is not there: {[(_name(row), row['State']) for row in own]}"
        return
    release = named[0]["Labels"].get("stella.release.id")
    if release not in {f"r{number}" for number in citizen.serving}:
        yield f"I1: {citizen.name} is {release}, not one of {set(citizen.serving)}"
    others = [_name(row) for row in own if row is not named[0] and "-failed-g" not in _name(row)]
    yield from (f"I3: {name} is left over" for name in others)
    yield from _sticker(town, citizen, release)


def _sticker(town: Town, citizen: Citizen, release: str) -> Iterator[str]:
    try:
        told = json.loads(town.stage.sticker(citizen.name).read_text())["release"]["id"]
    except (OSError, ValueError, KeyError) as error:
        yield f"I4: {citizen.name}: no sticker: {error!r}"
        return
    if told != release:
        yield f"I4: {citizen.name}: the sticker says {told}, the container {release}"


def _another_pass(town: Town) -> Iterator[str]:
    environment = town.stage.environment(town.proxy.url)
    settings = load_settings({}, environment=environment, folder=town.stage.folder, file=None, root=True)
    with open_service(settings, exclusive=True) as service:
        service.plans()
        town.proxy.forget()
        for _ in range(2):
            service.apply((), progress=unheard)
    yield from (f"I7: a further pass does {item.method} {item.path}" for item in town.proxy.mutating())


def _name(row: dict[str, Any]) -> str:
    return str(row["Names"][0]).removeprefix("/") if row["Names"] else "(being removed)"
