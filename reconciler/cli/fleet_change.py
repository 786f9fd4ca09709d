"""``fleet put``, ``get`` and ``remove``: documents of an orchestrator, changed over its API."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from reconciler.cli.files import read_bounded
from reconciler.cli.fleet_client import VERSION, FleetClient, fleet_option, json_option, open_fleet
from reconciler.cli.helping import Command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.errors import InputError, InvalidDocuments, NotKnown
from reconciler.spec.document import Document, read_documents
from reconciler.spec.problem import is_error

LIMIT: Final = 256 << 10
FILE: Final = click.Path(path_type=Path, dir_okay=False)
REVISION: Final = click.IntRange(1)

revision_option = click.option(
    "--revision", type=REVISION, metavar="NUMBER", help="Only where this one is there now [the one that is]."
)


@click.command("put", cls=Command, short_help="Put a document, or change it.")
@click.argument("file", type=FILE)
@revision_option
@fleet_option
@json_option
@settings_options()
@pass_invocation
def put(invocation: Invocation, /, *, file: Path, revision: int | None, fleet: Path, as_json: bool) -> None:
    """Put a document into the orchestrator, or change the one of its name that came so.

    The file holds one document without files beside it; spec.targets says for which hosts it is. It stands alone:
    Defaults of the orchestrator's folder are not merged under it. Who changes one in between is not overwritten.
    """
    text = read_bounded(file, limit=LIMIT)
    name = _the_document(file, text).name
    client, path = open_fleet(fleet), f"/v1/documents/{quote(name, safe='')}"
    there = _revision(client, path) if revision is None else revision
    try:
        told = client.ask("PUT", path, body={"text": text}, match=there)
    except InputError as error:
        if (place := f"api/{name}:") not in error.hint:
            raise
        raise InvalidDocuments(tuple(error.hint.replace(place, f"{file}:").splitlines())) from error
    if as_json:
        return invocation.screen.json({"version": VERSION, "document": told})
    return invocation.screen.line(f"{name} is put, revision {told['revision']}")


@click.command("get", cls=Command, short_help="Print the text of a document.")
@click.argument("name")
@fleet_option
@settings_options()
@pass_invocation
def get(invocation: Invocation, /, *, name: str, fleet: Path) -> None:
    """Print a document: as it was put, or where it is the folder's, as it goes to hosts."""
    found = open_fleet(fleet).ask("GET", f"/v1/documents/{quote(name, safe='')}")
    invocation.screen.line(found["text"].rstrip("\n"))


@click.command("remove", cls=Command, short_help="Take a document back that was put.")
@click.argument("name")
@revision_option
@fleet_option
@settings_options()
@pass_invocation
def remove(invocation: Invocation, /, *, name: str, revision: int | None, fleet: Path) -> None:
    """Take a document back that was put. Hosts do not have it any more then; its containers run on, as orphans.

    One of the orchestrator's folder is removed there.
    """
    client, path = open_fleet(fleet), f"/v1/documents/{quote(name, safe='')}"
    client.ask("DELETE", path, match=_revision(client, path) if revision is None else revision)
    invocation.screen.line(f"{name} is removed; its containers stay until each host prunes them")


def _revision(client: FleetClient, path: str) -> int | None:
    """The one that is there now; None where there is none."""
    try:
        found: int | None = client.ask("GET", path).get("revision")
    except NotKnown:
        return None
    return found


def _the_document(file: Path, text: str) -> Document:
    """Raises InvalidDocuments, with the place in the file; InputError where it is not one document."""
    found, problems = read_documents(text.encode(), str(file))
    if any(map(is_error, problems)):
        raise InvalidDocuments(tuple(map(str, problems)))
    if len(found) != 1 or found[0].kind == "Defaults":
        raise InputError(f"{file} is not one document", hint="one is put at a time; Defaults lie in the folder")
    return found[0]
