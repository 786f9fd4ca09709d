"""The fields of documents, found by their path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.spec.fields import Field, field_at, fields_of, later, notations
from reconciler.spec.problem import Wrong
from reconciler.spec.schema import KINDS


def all_paths(fields: tuple[Field, ...], path: str = "") -> Iterator[str]:
    for field in fields:
        here = f"{path}.{field.name}" if path else field.name
        yield here
        yield from all_paths(field.parts, here)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_found_where_it_is_and_says_what_it_means(kind: str) -> None:
    paths = list(all_paths(fields_of(kind)))
    assert "spec" in paths
    for path in paths:
        field = field_at(kind, path)
        assert field.name == path.rpartition(".")[2]
        assert field.type
        assert field.meaning, path


def test_a_field_has_its_type_default_and_meaning() -> None:
    field = field_at("Container", "spec.drift.mode")
    assert (field.type, field.required, field.default) == ("word", False, "correct")
    assert "One of `correct`, `warn`, `off`." in field.meaning
    assert field_at("Container", "spec.release.id").required


def test_places_of_lists_are_passed_over() -> None:
    field = field_at("Container", "spec.config.secrets[0].mountPath")
    assert field == field_at("Container", "spec.config.secrets.mountPath")
    assert field.notation is not None
    assert field.notation.title == "Absolute path"


def test_a_short_way_of_writing_leads_to_its_notation_and_to_the_fields_of_the_long_one() -> None:
    ports = field_at("Container", "spec.config.ports")
    assert ports.type == "list of Port"
    assert ports.notation is not None
    assert "8080:80" in ports.notation.examples
    assert "hostPort" in [field.name for field in ports.parts]
    assert ports.below == ()
    assert ports.notation in list(notations())


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("spec.confg", '"spec" of a Container has no field "confg"; allowed: release'),
        ("spec.drift.mod", 'did you mean "mode"?'),
        ("nothing", 'a Container has no field "nothing"; allowed: apiVersion, kind, metadata, spec'),
        ("spec.digest.algorithm", '"spec.digest" of a Container (Digest) has no fields of its own'),
        ("spec..mode", 'has no field ""'),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(path: str, words: str) -> None:
    with pytest.raises(Wrong) as wrong:
        field_at("Container", path)
    assert words in str(wrong.value)


def test_what_is_refused_is_no_field() -> None:
    for key in later("ContainerSpec"):
        with pytest.raises(Wrong):
            field_at("Container", f"spec.{key}")
