"""JSON outputs are what their published schemas say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

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
