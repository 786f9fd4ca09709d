"""``secret encrypt``: a value for this host or others, printed, or written into a document."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli.files import read_bounded, write_atomically
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.cli.secret_parts import (
    FILE,
    FILE_LIMIT,
    VERSION,
    chosen,
    document_option,
    identities,
    json_option,
    name_option,
    out_option,
)
from reconciler.errors import InputError


@command("encrypt")
@click.option(
    "-r", "--recipient", "keys", multiple=True, metavar="KEY", help="Public key to encrypt for; repeatable."
)
@click.option(
    "-R", "--recipients-file", "files", multiple=True, type=FILE, metavar="FILE", help="File of such keys."
)
@document_option
@name_option
@click.option("--keep-newline", is_flag=True, help="Keep also the line break at the end of a single line.")
@out_option
@json_option
@settings_options("identity")
@pass_invocation
def encrypt(  # noqa: PLR0913  (one parameter for each option)
    invocation: Invocation,
    /,
    *,
    keys: tuple[str, ...],
    files: tuple[Path, ...],
    file: Path | None,
    name: str,
    keep_newline: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Encrypt a value, for this host or for the given public keys.

    The value is asked for, unseen, or read from standard input: of a single line without the line break at its
    end, of several lines to the byte. With --document and --name it is written into the document's config.secrets,
    where nothing else changes; with --name alone it is printed as an item of that list.
    """
    from reconciler.cli.secret_value import read_value

    if file is not None and (out is not None or not name):
        raise click.UsageError("--document goes with --name, and without --out")
    screen = invocation.screen
    place = chosen(file, name) if file is not None else ("", "")
    wanted = _recipients(invocation, keys, files)
    sealed = _sealed(read_value(screen, keep_newline=keep_newline).reveal(), wanted)
    answer: dict[str, object] = {"version": VERSION, "recipients": list(wanted)}
    if file is not None:
        changed = _written(file, place, sealed)
        if as_json:
            screen.json({**answer, "file": str(file), "document": place[0], "name": place[1], "added": changed})
            return
        screen.line(f"{file}: {place[1]} of {place[0]} {'added' if changed else 'replaced'}")
        return
    if out is not None:
        write_atomically(out, sealed)
    if as_json:
        screen.json({**answer, "encrypted": sealed})
    elif out is None:
        sys.stdout.write(_item(name, sealed) if name else sealed)


def _recipients(invocation: Invocation, keys: tuple[str, ...], files: tuple[Path, ...]) -> tuple[str, ...]:
    """The given public keys, else this host's own."""
    lines = [line.strip() for path in files for line in read_bounded(path, limit=FILE_LIMIT).splitlines()]
    given = tuple(dict.fromkeys((*keys, *(line for line in lines if line and not line.startswith("#")))))
    if given or files:
        if not given:
            raise InputError("the file of recipients has no key in it")
        return given
    own = identities(invocation).recipients()
    if not own:
        raise InputError("the identity is an SSH key, whose public key is not in it", hint="name it with -r")
    return own


def _sealed(value: bytes, wanted: tuple[str, ...]) -> str:
    from reconciler.core.secret import Secret
    from reconciler.credentials import age

    return age.seal(Secret(value), wanted)


def _written(file: Path, place: tuple[str, str], sealed: str) -> bool:
    """Write it into the document; True when the secret was not there before."""
    from reconciler.cli.secret_text import find_sealed, with_secret

    text = read_bounded(file, limit=FILE_LIMIT)
    added = place not in {item.id for item in find_sealed(text, str(file))}
    write_atomically(file, with_secret(text, str(file), document=place[0], name=place[1], sealed=sealed))
    return added


def _item(name: str, sealed: str) -> str:
    from reconciler.spec.edit import rendered

    lines = "".join(f"    {line}\n" for line in sealed.splitlines())
    return f"- name: {rendered(name)}\n  encrypted: |\n{lines}"
