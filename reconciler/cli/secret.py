"""``secret``: keys of this host, and values that only they open. Needs no engine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from reconciler.cli.files import read_bounded, replace
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import settings_options
from reconciler.cli.secret_encrypt import encrypt
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
    read_bytes,
)
from reconciler.core.words import count
from reconciler.errors import InputError, SecretSealed


@group("secret")
def secret() -> None:
    """Make keys of this host, and encrypt values that only they open.

    Values are read from a hidden prompt or from standard input, never from arguments. Files and keys are those of
    the program "age": each opens what the other made.
    """


secret.add_command(encrypt)


@secret.command("keygen")
@click.option("-o", "--out", type=FILE, metavar="FILE", help='Where to ["identity" of the settings]; - prints it.')
@json_option
@settings_options("identity")
@pass_invocation
def keygen(invocation: Invocation, /, *, out: Path | None, as_json: bool) -> None:
    """Make this host's identity, and print its public key.

    The file is for its owner alone (mode 0600), and never replaces one that is there. Whoever has the public key
    can encrypt for this host; only the file opens it: keep a copy of it in a safe place.
    """
    from reconciler.atomic import create_file
    from reconciler.credentials import age

    key, public = age.new_key()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(invocation.clock()))
    content = f"# created: {created}\n# public key: {public}\n{key.text()}\n"
    place = out or invocation.settings.identity
    if str(place) == "-":
        sys.stdout.write(content)
        return
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not create_file(place, content.encode(), mode=0o600):
        raise InputError(
            f"{place} is there already, and is left as it is",
            hint=f"a second key is added with 'reconciler secret keygen -o - >> {place}'",
        )
    if as_json:
        invocation.screen.json({"version": VERSION, "file": str(place), "publicKey": public})
        return
    invocation.screen.line(public)
    invocation.screen.note(f"the secret key is in {place}; keep a copy of it in a safe place", style="dim")


@secret.command("recipients", short_help="Print the public keys of this host's identity.")
@settings_options("identity")
@pass_invocation
def recipients(invocation: Invocation) -> None:
    """Print the public keys of this host's identity, one a line."""
    for key in identities(invocation).recipients():
        invocation.screen.line(key)


@secret.command("decrypt", short_help="Open a value with this host's identity.")
@click.argument("source", required=False, type=FILE, metavar="[FILE]")
@document_option
@name_option
@click.option("--force", is_flag=True, help="Show the value even on a terminal.")
@out_option
@settings_options("identity")
@pass_invocation
def decrypt(
    invocation: Invocation,
    /,
    *,
    source: Path | None,
    file: Path | None,
    name: str,
    force: bool,
    out: Path | None,
) -> None:
    """Open a value with this host's identity, and write it out to the byte.

    Reads FILE, or the secret that --document and --name say, or standard input. --out makes a new file for its
    owner alone. A terminal keeps what it shows: there nothing is shown without --force.
    """
    from reconciler.cli.secret_value import write_value

    if (file is None) != (not name) or (file is not None and source is not None):
        raise click.UsageError("name a FILE, or --document together with --name")
    subject, sealed = _source(source, file, name)
    try:
        value = identities(invocation).open(sealed)
    except SecretSealed as error:
        error.about(subject)
        raise
    write_value(value, to=out, force=force)


@secret.command("rotate", short_help="Encrypt secrets anew for other keys.")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "--to", "keys", multiple=True, required=True, metavar="KEY", help="Public key to encrypt for; repeatable."
)
@json_option
@settings_options("identity")
@pass_invocation
def rotate(invocation: Invocation, /, *, files: tuple[Path, ...], keys: tuple[str, ...], as_json: bool) -> None:
    """Encrypt the secrets of documents anew for other keys; the values stay.

    FILE is a file of documents, or one that is encrypted as a whole. Nothing is written unless everything in all
    the files can be opened with this host's identity. A new ciphertext is a new version of the secret: its
    document is deployed again.
    """
    from reconciler.cli.secret_rotate import WHOLE, rotated

    opener = identities(invocation)
    found = [(path, *rotated(path, opener, keys)) for path in files]
    for path, content, _ in found:
        replace(path, content)
    screen = invocation.screen
    if as_json:
        rows = [{"file": str(path), "secrets": list(names)} for path, _, names in found]
        screen.json({"version": VERSION, "recipients": list(keys), "files": rows})
        return
    for path, _, names in found:
        screen.line(f"{path}: {count(len(names), 'secret')} encrypted anew: {', '.join(names)}")
    if any(names != WHOLE for _, _, names in found):
        screen.note("the next pass deploys these documents again", style="dim")


def _source(source: Path | None, file: Path | None, name: str) -> tuple[str, str | bytes]:
    """What to open, and what to call it in errors."""
    if file is not None:
        from reconciler.cli.secret_text import find_sealed

        text = read_bounded(file, limit=FILE_LIMIT)
        place = chosen(file, name)
        found = [item.text for item in find_sealed(text, str(file)) if item.id == place]
        if not found:
            raise InputError(f"{file}: {place[0]} has no secret {place[1]}")
        return f"{file}: {place[1]}", found[0]
    if source is not None:
        return str(source), read_bytes(source)
    if sys.stdin.isatty():
        raise click.UsageError("nothing to open: name a FILE, or pipe the ciphertext in")
    return "standard input", sys.stdin.buffer.read(FILE_LIMIT)
