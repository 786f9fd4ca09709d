"""``lock``: a Compose file as a lock file, with every image by digest, for a ComposeProject document."""

from __future__ import annotations

import os.path
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.atomic import write_file
from reconciler.cli.exits import Exit
from reconciler.cli.files import read_bounded, write_atomically
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, settings_options
from reconciler.cli.screen import Column, Screen
from reconciler.core.image import short_digest
from reconciler.core.project import LOCK_NAME
from reconciler.core.words import count
from reconciler.spec.yaml_tree import MAX_BYTES

if TYPE_CHECKING:
    from reconciler.cli.lock_make import Locked

VERSION: Final = 1
STDOUT: Final = "-"

PATH: Final = click.Path(path_type=Path)


@command("lock")
@click.argument("files", nargs=-1, metavar="COMPOSE_FILE...", type=PATH)
@click.option(
    "-o", "--output", "out", metavar="FILE", help=f"Lock file, or - [{LOCK_NAME} beside the Compose file]."
)
@click.option("--document", type=PATH, metavar="FILE", help="ComposeProject document to write the digests into.")
@click.option("--release", default="", metavar="ID", help="Id of the new release, written with the digests.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Compose profile; may be repeated.")
@click.option(
    "--env-file", "env_files", multiple=True, type=PATH, metavar="FILE", help="As docker compose takes it."
)
@click.option("--project-directory", type=PATH, metavar="DIR", help="As docker compose takes it.")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; tell which tags have moved.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
@settings_options(*HOST)
@pass_invocation
@click.pass_context
def lock(context: click.Context, invocation: Invocation, /, **given: Any) -> None:
    """Make a lock file of a Compose file, every image by digest.

    Runs 'docker compose config' here, with this environment, so that profiles, extends, includes, env files and
    variables are resolved; asks the registries for the digest of every image; writes one file with nothing left
    open. Files that services mount come with the deployment by flat names. Exit status of --check: 0 nothing has
    moved, 2 something has.
    """
    if not given["files"] and not given["only_check"]:
        raise click.UsageError("name the Compose file")
    if given["release"] and not given["document"]:
        raise click.UsageError("--release is written into the document: name it with --document")
    if given["out"] == STDOUT and (given["document"] or given["only_check"] or given["as_json"]):
        raise click.UsageError("-o - prints the lock file, and goes with no other result")
    target = _target(invocation.folder, given)
    if given["only_check"]:
        context.exit(_check(invocation, target, as_json=given["as_json"]))
    _lock(invocation, target, given)


def _target(folder: Path, given: dict[str, Any]) -> Path:
    if given["out"] and given["out"] != STDOUT:
        return folder / str(given["out"])
    beside: Path = given["files"][0].parent if given["files"] else Path()
    return folder / beside / LOCK_NAME


def _lock(invocation: Invocation, target: Path, given: dict[str, Any]) -> None:
    from reconciler.cli.lock_config import Author
    from reconciler.cli.lock_document import begun, entries_by_name, entries_for, updated
    from reconciler.cli.lock_images import looking_up
    from reconciler.cli.lock_make import make
    from reconciler.cli.lock_read import refuse_unreadable
    from reconciler.compose.program import find

    author = Author(
        program=find(invocation.environment),
        files=given["files"],
        profiles=given["profiles"],
        env_files=given["env_files"],
        project_directory=given["project_directory"],
        environment=invocation.environment,
        folder=invocation.folder,
    )
    locked = make(author, target, looking_up(invocation))
    for note in locked.notes:
        invocation.screen.note(note, "yellow")
    if given["out"] == STDOUT:
        sys.stdout.write(locked.text)
        return
    document: Path | None = invocation.folder / given["document"] if given["document"] else None
    there = _text_of(document)
    entries = entries_for(document, locked) if document else entries_by_name(locked)
    release = given["release"]
    if there:
        after = updated(there, str(document), entries, release=release)
    else:
        after = begun(document or target, locked, entries, release=release)
    refuse_unreadable(after, entries, locked)
    changed = _write(invocation.screen, locked)
    if document is not None and there and after != there:
        write_atomically(document, after)
    if given["as_json"]:
        invocation.screen.json(_json(locked, invocation.folder, changed=changed))
    elif document is not None and not there:
        _show_begun(invocation.screen, document, after)
    else:
        _show(invocation.screen, locked, changed=changed)


def _text_of(document: Path | None) -> str:
    """What the document's file says; "" when there is none yet, or nothing in it."""
    if document is None or not document.exists():
        return ""
    text = read_bounded(document, limit=MAX_BYTES)
    return text if text.strip() else ""


def _write(screen: Screen, locked: Locked) -> bool:
    """Write the lock file and what it needs beside it; False when the lock file says the same as before."""
    for file in locked.files:
        if file.made:
            write_file(file.path, file.content, mode=0o600 if file.secret else 0o644)
            screen.note(f"{_here(file.path)} is written: its content was in no file of its own")
    before = read_bounded(locked.path, limit=MAX_BYTES) if locked.path.is_file() else None
    if before != locked.text:
        write_atomically(locked.path, locked.text)
    return before != locked.text


def _show(screen: Screen, locked: Locked, *, changed: bool) -> None:
    rows = [
        (name, image.written, short_digest(locked.digests[name])) for name, image in sorted(locked.images.items())
    ]
    screen.table((Column("SERVICE"), Column("IMAGE"), Column("DIGEST")), rows)
    screen.line(f"{_here(locked.path)}{'' if changed else ' (as it was)'}", "green")


def _show_begun(screen: Screen, document: Path, text: str) -> None:
    screen.note(f"{_here(document)} is not there; this is a document to begin with, and is written nowhere:")
    sys.stdout.write(text)


def _json(locked: Locked, folder: Path, *, changed: bool) -> Any:
    return {
        "version": VERSION,
        "lock": os.path.relpath(locked.path, folder),
        "changed": changed,
        "images": {name: image.written for name, image in sorted(locked.images.items())},
        "expectedDigests": dict(sorted(locked.digests.items())),
        "configFiles": [
            {"name": file.name, "source": os.path.relpath(file.path, folder)} for file in locked.files
        ],
        "notes": list(locked.notes),
    }


def _check(invocation: Invocation, target: Path, *, as_json: bool) -> Exit:
    from reconciler.cli.lock_check import check
    from reconciler.cli.lock_images import looking_up

    found = check(target, looking_up(invocation))
    screen = invocation.screen
    if as_json:
        tags = [asdict(tag) | {"moved": tag.moved} for tag in found.tags]
        screen.json({"version": VERSION, "moved": bool(found.moved), "tags": tags, "sources": list(found.changed)})
    else:
        for change in found.changed:
            screen.note(f"{change} since {_here(target)} was made", "yellow")
        if found.moved:
            columns = (Column("SERVICE"), Column("TAG"), Column("LOCKED"), Column("NOW"))
            screen.table(
                columns,
                [
                    (tag.service, tag.reference, short_digest(tag.locked), short_digest(tag.now))
                    for tag in found.moved
                ],
            )
        else:
            screen.line(f"{count(len(found.tags), 'tag')} as locked", "green")
    return Exit.DIFFERS if found.moved else Exit.DONE


def _here(path: Path) -> str:
    return os.path.relpath(path)
