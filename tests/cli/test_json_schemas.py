"""JSON outputs are what their published schemas say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from reconciler.core.drift import DriftKind
from tests.cli import test_apply_command as applied
from tests.cli import test_status_command as statuses
from tests.cli.parts import BLOCKED, DEPLOY, NOTHING, PRUNE
from tests.cli.recorded import RecordedService, run

SCHEMAS = Path(__file__).parents[2] / "schemas"
SERVICE = RecordedService(
    planned=(DEPLOY, NOTHING, BLOCKED),
    orphans=(PRUNE,),
    results=(applied.WEB, applied.DB),
    statuses=(statuses.WEB, statuses.DB, statuses.CACHE, statuses.JOB, statuses.MISSING),
)
BROKEN = "apiVersion: stella/v1\nkind: Container\nmetadata: {name: web}\nspec: {imag: x}\n"


def checked(name: str, value: Any) -> None:
    schema = json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**value, "more": 1})


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ("status", ["status"]),
        ("plan", ["plan"]),
        ("plan", ["prune"]),
        ("apply", ["apply"]),
        ("apply", ["prune", "--confirm"]),
    ],
)
def test_json_matches_its_schema(tmp_path: Path, schema: str, arguments: list[str]) -> None:
    ran = run(SERVICE, *arguments, "--json", folder=tmp_path)
    value = json.loads(ran.out)
    assert value["documents"]
    checked(schema, value)


@pytest.mark.parametrize("name", ["plan", "status"])
def test_every_kind_of_drift_is_in_the_schema(name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text())
    (told,) = _enumerations(schema, "orphan")
    assert tuple(told) == get_args(DriftKind)


def _enumerations(value: Any, word: str) -> Iterator[list[str]]:
    """Lists of allowed words, anywhere in a schema, that have this one."""
    if isinstance(value, dict):
        if word in value.get("enum", ()):
            yield value["enum"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _enumerations(item, word)


def test_validate_matches_its_schema(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(BROKEN)
    (tmp_path / "db.yaml").write_text(
        BROKEN.replace("web", "db").replace(
            "{imag: x}", "{release: {id: r1}, image: a.example.com/b, digest: 'sha256:" + "a" * 64 + "'}"
        )
    )
    value = json.loads(run(SERVICE, "validate", str(tmp_path), "--json", folder=tmp_path).out)
    assert value["problems"]
    assert value["documents"]
    checked("validate", value)
