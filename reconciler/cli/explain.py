"""``explain``: what a field of documents means, as the reference tells it."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import common_options, output_option
from reconciler.cli.screen import Column
from reconciler.errors import InputError
from reconciler.spec.fields import Field, field_at, fields_of, places_of
from reconciler.spec.problem import Wrong
from reconciler.spec.schema import KINDS


def _complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The fields at the place that has been reached; of the only one that fits, also those below it."""
    kind = context.params.get("kind") or KINDS[0]
    path, dot, _ = begun.rpartition(".")
    try:
        fields = field_at(kind, path).parts if path else fields_of(kind)
    except Wrong:
        return []
    fitting = [(f"{path}{dot}{field.name}", field) for field in fields]
    fitting = [(name, field) for name, field in fitting if name.startswith(begun)]
    below = [f"{name}.{part.name}" for name, field in fitting for part in field.parts] if len(fitting) == 1 else []
    return [CompletionItem(name) for name in (*(name for name, _ in fitting), *below)]


@command("explain")
@click.argument("path", metavar="[FIELD]", default="", shell_complete=_complete)
@click.option("--kind", type=click.Choice(KINDS), default=KINDS[0], help=f"Of which documents [{KINDS[0]}].")
@output_option
@common_options
@pass_invocation
def explain(invocation: Invocation, *, path: str, kind: str, output: str) -> None:
    """Tell what a field of documents means.

    FIELD is a path with dots, as messages show it: spec.config.ports. Without it, the fields at the root.
    """
    field = _found(kind, path) if path else None
    below = field.parts if field else fields_of(kind)
    if output == "json":
        told = {"version": 1, "kind": kind, "path": path, **(_json(field) if field else {})}
        invocation.screen.json({**told, "fields": [{"name": item.name, **_json(item)} for item in below]})
        return
    if field is not None:
        _tell(invocation, kind, path, field)
    if below:
        _table(invocation, below)


def _found(kind: str, path: str) -> Field:
    try:
        return field_at(kind, path)
    except Wrong as wrong:
        raise InputError(str(wrong), hint=_hint(kind, path)) from wrong


def _hint(kind: str, path: str) -> str:
    others = [other for other in KINDS if other != kind and _has(other, path)]
    if others:
        return f"documents of kind {' and '.join(others)} have it: --kind {others[0]}"
    *most, last = [*places_of(kind, path)] or [""]
    return f"its whole path: {' or '.join([', '.join(most), last] if most else [last])}" if last else ""


def _has(kind: str, path: str) -> bool:
    try:
        field_at(kind, path)
    except Wrong:
        return False
    return True


def _tell(invocation: Invocation, kind: str, path: str, field: Field) -> None:
    screen = invocation.screen
    screen.line(f"{path}  ({kind})", "bold")
    screen.line(f"  {', '.join([field.type, *_default(field)])}")
    screen.paragraph(field.meaning)
    if field.notation is not None:
        screen.paragraph(" ".join([f"{field.notation.title}: {field.notation.written}.", field.notation.meaning]))
        for example in field.notation.examples:
            screen.line(f"    {example}", "cyan")
    if field.parts:
        screen.line()


def _default(field: Field) -> list[str]:
    if field.required:
        return ["required"]
    return [f"default {field.default}"] if field.default is not None else []


def _table(invocation: Invocation, fields: tuple[Field, ...]) -> None:
    columns = [Column("FIELD"), Column("TYPE"), Column("DEFAULT"), Column("MEANING", fixed=False)]
    rows = [
        (item.name, item.type, "required" if item.required else item.default or "", item.meaning)
        for item in fields
    ]
    invocation.screen.table(columns, rows)


def _json(field: Field) -> dict[str, Any]:
    return {
        "type": field.type,
        "required": field.required,
        "default": field.default,
        "meaning": field.meaning,
        "examples": list(field.notation.examples) if field.notation else [],
    }
