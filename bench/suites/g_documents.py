"""Reading and comparing 1,000 documents."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping
from contextlib import closing

import yaml

from bench.ground import Ground
from bench.model import Role, Row
from bench.simulated import World, in_memory
from bench.suite import Found, suite
from bench.turns import contestants, here
from reconciler.core.drift import find_drift
from reconciler.core.ownership import find_claims
from reconciler.sources.files import FolderSource
from reconciler.spec.assemble import examine
from reconciler.spec.schema import violations

SIZE = 1000
TARGET = 1.5
UNCHANGED_S = 0.010
COMPARE_TARGET = 2.0
SETTLED_S = 2.1
"""After this time a file that is as it was is not read again."""

_DOCUMENT = """\
apiVersion: stella/v1
kind: Container
metadata:
  name: web-{number}
spec:
  release: {{id: r-{number}, name: Web {number}}}
  image: 127.0.0.1:5000/web
  digest: sha256:{number:064x}
  config:
    environment: {{GREETING: hello, NUMBER: "{number}"}}
    memoryLimit: 64Mi
"""


@suite("documents", "Reading documents")
def documents(ground: Ground) -> Found:
    contents = {f"web-{number}.yaml": _DOCUMENT.format(number=number).encode() for number in range(SIZE)}
    return (_cold(ground, contents), _unchanged(ground, contents)), ()


def _cold(ground: Ground, contents: Mapping[str, bytes]) -> Row:
    turns = {
        "C loader, compiled validator": here(lambda: _floor(contents)),
        "parse, validate, build, cross-check": here(lambda: examine(contents)),
    }
    roles: dict[str, Role] = {
        "C loader, compiled validator": "floor",
        "parse, validate, build, cross-check": "ours",
    }
    samples = ground.turns(turns, rounds=7)
    row_of = contestants(samples, roles)
    return Row(id="documents-cold", work=f"{SIZE:,} documents, all new", contestants=row_of, target=TARGET)


def _floor(contents: Mapping[str, bytes]) -> None:
    for content in contents.values():
        if any(violations("Container", yaml.load(content, Loader=yaml.CSafeLoader))):
            raise RuntimeError("the bench's documents are wrong")


def _unchanged(ground: Ground, contents: Mapping[str, bytes]) -> Row:
    folder = ground.folder / "documents"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    time.sleep(0 if ground.quick else SETTLED_S)
    source = FolderSource(folder)
    source.load()
    turns = {
        "stat of every file": here(lambda: [entry.stat() for entry in os.scandir(folder)]),
        "a look at the folder": here(source.load),
    }
    roles: dict[str, Role] = {"stat of every file": "floor", "a look at the folder": "ours"}
    samples = ground.turns(turns, rounds=15)
    row_of = contestants(samples, roles)
    return Row(
        id="documents-unchanged", work=f"{SIZE:,} documents, unchanged", contestants=row_of, limit=UNCHANGED_S
    )


@suite("compare", "Comparing documents with the host")
def compare(ground: Ground) -> Found:
    with in_memory() as folder, closing(World(folder / "world", SIZE)) as world:
        return (_compared(ground, world),), ()


def _compared(ground: Ground, world: World) -> Row:
    world.assess_quietly()
    situations = [item.situation for item in world.assessor.assess()]
    claimed = [
        (item, find_claims(item.desired.container_name, item.observation, item.record)) for item in situations
    ]
    units = [
        (row, detail)
        for item in situations[:1]
        for row in item.observation.containers
        if (detail := item.observation.details.get(row.id))
    ]
    copies = list(zip(units, copy.deepcopy(units), strict=True))
    decided = world.decisions()
    turns = {
        "== of what list and inspect tell": here(lambda: [left == right for left, right in copies]),
        "what a look compares": here(decided),
        "every field, anew": here(lambda: [find_drift(item, claims) for item, claims in claimed]),
    }
    roles: dict[str, Role] = {
        "== of what list and inspect tell": "floor",
        "what a look compares": "ours",
        "every field, anew": "ours",
    }
    samples = ground.turns(turns, rounds=15)
    row_of = contestants(samples, roles)
    return Row(id="compare", work=f"{SIZE:,} equal units compared", contestants=row_of, target=COMPARE_TARGET)
