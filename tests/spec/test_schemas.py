"""The schemas themselves: valid, closed, described, and within what editors understand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler import schema_files as module
from reconciler.spec.schema import config_keys, known_keys, schema, wants_number

FOLDER = Path(__file__).parents[2] / "schemas"
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))
EDITORS_KNOW = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "examples", "default", "type", "enum", "const",
    "properties", "required", "additionalProperties", "propertyNames", "items", "minItems", "uniqueItems",
    "maxItems", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "pattern",
    "patternErrorMessage", "if", "then", "else", "allOf",
}  # fmt: skip
ABOUT_NOTHING = {"properties", "$defs", "examples", "default", "enum", "const", "required"}


def subschemas(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for key, below in value.items():
            if key in {"properties", "$defs"}:
                for inner in below.values():
                    yield from subschemas(inner)
            elif key not in ABOUT_NOTHING:
                yield from subschemas(below)
    elif isinstance(value, list):
        for below in value:
            yield from subschemas(below)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_keeps_to_keywords_that_editors_know(name: str) -> None:
    content = json.loads((FOLDER / name).read_text())
    jsonschema.Draft202012Validator.check_schema(content)
    assert content["$id"] == name
    used = {key for part in subschemas(content) for key in part}
    assert used <= EDITORS_KNOW


@pytest.mark.parametrize("name", NAMES)
def test_every_object_with_known_keys_is_closed_and_described(name: str) -> None:
    for part in subschemas(json.loads((FOLDER / name).read_text())):
        types = part.get("type", ())
        if "object" in ((types,) if isinstance(types, str) else types) and "if" not in part:
            assert part.get("additionalProperties") is not None, part
        for key, value in part.get("properties", {}).items():
            if isinstance(value, dict) and part.get("title"):
                assert {"description", "$ref", "const", "type"} & value.keys(), key


def test_every_field_of_a_document_is_described_and_every_example_and_default_is_valid() -> None:
    root = schema("desired-state.v1.schema.json")
    for part in subschemas(dict(root)):
        for example in [*part.get("examples", ()), *([part["default"]] if "default" in part else ())]:
            jsonschema.Draft202012Validator({**part, "$defs": root["$defs"]}).validate(example)
    for name in ("Config", "ContainerSpec", "DefaultsSpec", "HealthCheck", "Strategy"):
        for key, value in known_keys(root["$defs"][name]).items():
            assert value.get("description"), f"{name}.{key}"


def test_every_pattern_says_in_words_what_it_allows() -> None:
    for part in subschemas(dict(schema("desired-state.v1.schema.json"))):
        assert ("pattern" in part) == ("patternErrorMessage" in part), part


def test_a_fraction_is_wanted_for_cpus_only() -> None:
    assert wants_number("Container", ("spec", "config", "cpuLimit"))
    assert wants_number("Defaults", ("spec", "config", "cpuLimit"))
    assert not wants_number("Container", ("spec", "config", "environment", "A"))
    assert not wants_number("Container", ("spec", "config", "dns", 0))
    assert not wants_number("Container", ("spec", "nonsense", "deeper"))


def test_the_keys_of_a_configuration_are_known() -> None:
    assert {"ports", "healthCheck", "cleanupPrevious"} <= set(config_keys())


def test_an_installed_package_reads_its_own_schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "own.json").write_text('{"title": "of the wheel"}')
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    module.schema.cache_clear()
    assert schema("own.json") == {"title": "of the wheel"}
    module.schema.cache_clear()
