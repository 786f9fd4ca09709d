"""The examples of the project are right, and the full one leaves no field out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest

from reconciler.core.hook import HookName
from reconciler.spec.assemble import examine
from reconciler.spec.fleet_folder import examine_fleet
from reconciler.spec.schema import schema

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted({path.parent for path in EXAMPLES.glob("*/*.yaml") if "apiVersion: stella/" in path.read_text()})
"""Others are about what stands beside the controller."""

ELSEWHERE = {"hooks", "targets", "rollout"}
"""What examples of their own are about."""

FLEET = EXAMPLES / "10-fleet"
"""The folder of an orchestrator."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_an_example_is_valid_and_explained(folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}
    whole = examine_fleet if folder == FLEET else partial(examine, every=True)
    examined = whole(files, read=lambda path: (folder / path).read_bytes())
    assert examined.problems == ()
    assert examined.documents
    assert (folder / "README.md").read_text().strip()


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from keys(below)
    elif isinstance(value, list):
        for below in value:
            yield from keys(below)


def test_the_full_example_uses_every_field() -> None:
    content = (Path(__file__).parents[2] / "examples/02-full/shop.yaml").read_bytes()
    used = {key for item in examine({"f": content}, every=True).documents for key in keys(item.document)}
    definitions = schema("desired-state.v1.schema.json")["$defs"]
    known = set()
    for name in ("ContainerSpec", "Config", "HealthCheck", "Logging", "Strategy", "StickerPlace", "DriftPolicy"):
        known |= definitions[name]["properties"].keys()
    for name in ("Dependency", "Suspend", "Release"):
        known |= definitions[name]["properties"].keys()
    assert known - used == ELSEWHERE


def test_the_example_of_hooks_has_all_of_them() -> None:
    content = (Path(__file__).parents[2] / "examples/05-hooks/web.yaml").read_bytes()
    (desired,) = examine({"f": content}, every=True).documents
    assert {hook.name for hook in desired.hooks} == set(get_args(HookName))
