"""The page about documents, made from their JSON Schema: every field with its type, default and meaning.

A field whose value is an object of its own gets a row and a section; a field with a named short notation
(``Size``, ``Port``) gets a row that leads to the table of notations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.spec.fields import Field, fields_of, later, notations
from reconciler.spec.schema import API_VERSION, DESIRED_STATE

INTRODUCTION = f"""\
# Documents

This page is made from `schemas/{DESIRED_STATE}` (`python -m tools.reference`).
Editors that know JSON Schema complete and check documents that begin with

```yaml
# yaml-language-server: $schema=../schemas/{DESIRED_STATE}
```

A document has `apiVersion: {API_VERSION}` and a `kind`. A file holds one document, or several with `---` between
them. Files are `*.yaml` and `*.yml` in the folder and in folders below it; names that begin with `.`, `~` or `#`
are passed over, and links that leave the folder are refused. A key that is not on this page is an error.

The YAML is strict: no duplicate keys, anchors, aliases or tags; files of at most 1 MiB. `no`, `on` and `22:22`
are texts; a number where a text is wanted (`1.10`, `8080`) must be quoted.

Worked examples, each field once: [`examples/`](../../examples/).
"""

ROOTS = (
    ("Container", "One container on a Docker host."),
    (
        "ComposeProject",
        (
            "Services that belong together, from a lock file that `reconciler lock` writes. Lock file and\n"
            "`configFiles` lie beside the document or in folders below it, and are no documents,\n"
            "whatever they are called; `*.lock.yml` and Compose's own names (`compose.yaml`) are passed over."
        ),
    ),
    ("Defaults", "Values merged under those of every document of the folder; at most one per folder."),
)


def documents_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_roots(), *_notations(), *_later()])


def _roots() -> Iterator[str]:
    for name, meaning in ROOTS:
        yield f"## {name}\n\n{meaning}\n"
        fields = fields_of(name)
        yield from _table(fields)
        if name != "Defaults":
            yield from _sections(fields, "")
        else:
            spec = next(field for field in fields if field.name == "spec")
            names = ", ".join(f"`{field.name}`" for field in spec.below)
            yield f"`spec` takes {names}, with the fields of a Container except `config.containerName`."
            yield "A ComposeProject takes what it has itself: `config.healthCheck.timeout`, `strategy` without"
            yield "`order`, a `sticker` on the host, `drift` without paths of `config`, `suspend` and"
            yield "`deletionPolicy`."
            yield "Labels in `metadata` are given to every document. What a document says itself wins; mappings"
            yield "are merged, lists are replaced.\n"


def _sections(fields: Sequence[Field], path: str) -> Iterator[str]:
    for field in fields:
        if not field.below:
            continue
        name = f"{path}.{field.name}" if path else field.name
        yield f"### {name}\n"
        yield from _table(field.below)
        yield from _sections(field.below, name)


def _table(fields: Sequence[Field]) -> Iterator[str]:
    yield "| field | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for field in fields:
        default = "required" if field.required else f"`{field.default}`" if field.default is not None else ""
        yield _row(f"`{field.name}`", _type(field), default, field.meaning)
    yield ""


def _type(field: Field) -> str:
    """With a link to the notation, if there is one."""
    if field.notation is None:
        return field.type
    return f"{field.type.removesuffix(field.notation.title)}[{field.notation.title}](#notations)"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _notations() -> Iterator[str]:
    yield "## Notations\n"
    yield "| notation | how it is written | examples | meaning |"
    yield "| --- | --- | --- | --- |"
    found = tuple(notations())
    for item in found:
        yield _row(item.title, item.written, ", ".join(f"`{text}`" for text in item.examples), item.meaning)
    yield ""
    for item in found:
        if item.fields:
            yield f"A {item.title.lower()} as a mapping:\n"
            yield from _table(item.fields)


def _later() -> Iterator[str]:
    """What the schema knows and this version refuses."""
    sections = {"spec": "ContainerSpec", "spec.config": "Config"}
    names = [f"`{path}.{key}`" for path, section in sections.items() for key in later(section)]
    yield "## Refused by this version\n"
    yield f"{', '.join(names)} are known and refused, never ignored.\n"
