"""What the commands on secrets share: options, the host's identity, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.files import read_bounded
from reconciler.cli.invocation import Invocation
from reconciler.errors import InputError

if TYPE_CHECKING:
    from reconciler.credentials.identities import Identities

VERSION: Final = 1
FILE_LIMIT: Final = 1024 * 1024
FILE: Final = click.Path(path_type=Path, dir_okay=False)
json_option = click.option("--json", "as_json", is_flag=True, help="Result as JSON.")
out_option = click.option("-o", "--out", type=FILE, metavar="FILE", help="Write to this file instead of printing.")
document_option = click.option("--document", "file", type=FILE, metavar="FILE", help="File of the document.")
name_option = click.option("--name", default="", metavar="NAME", help="The secret: NAME, or DOCUMENT/NAME.")


def identities(invocation: Invocation) -> Identities:
    """The host's identity, as the settings name it."""
    from reconciler.credentials.identities import Identities

    return Identities(invocation.settings.identity)


def chosen(file: Path, name: str) -> tuple[str, str]:
    """Document and secret that NAME or DOCUMENT/NAME is meant for. Raises InputError, InvalidDocuments."""
    from reconciler.cli.secret_text import choose

    return choose(read_bounded(file, limit=FILE_LIMIT), str(file), name)


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises InputError when it is missing or larger than 1 MiB."""
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > FILE_LIMIT:
        raise InputError(f"{path} is larger than {FILE_LIMIT} bytes")
    return content
