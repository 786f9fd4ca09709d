"""``pin``: the digest that a tag stands for, written into a document's file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from reconciler.cli.completing import document_names
from reconciler.cli.files import read_bounded, write_atomically
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, output_option, settings_options
from reconciler.cli.patches import show_patch
from reconciler.cli.pin_text import find_pin, pinned
from reconciler.spec.patch_text import unified
from reconciler.spec.yaml_tree import MAX_BYTES

VERSION: Final = 1


@command("pin")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--document",
    default="",
    metavar="NAME",
    help="Which document, where the file has several.",
    shell_complete=document_names,
)
@click.option("--tag", default="", metavar="TAG", help="Which tag [that of spec.image, or in '# tag: TAG'].")
@click.option("--dry-run", is_flag=True, help="Only show the patch.")
@output_option
@settings_options(*HOST)
@pass_invocation
def pin(invocation: Invocation, /, *, file: Path, document: str, tag: str, dry_run: bool, output: str) -> None:
    """Write the digest of a tag into a document's file.

    Asks the registry what the tag stands for now, and writes 'digest: sha256:...  # tag: TAG'. The comment is
    what the next pin without --tag goes by. A tag in spec.image is taken and removed there.
    """
    before = read_bounded(file, limit=MAX_BYTES)
    found = find_pin(before, str(file), document=document, tag=tag)
    with invocation.service() as service:
        digest = service.resolve_tag(found.repository, found.tag)
    after = pinned(before, found, digest)
    patch = unified(before, after, str(file))
    if patch and not dry_run:
        write_atomically(file, after)
    screen = invocation.screen
    if output == "json":
        answer = {"document": found.document, "image": found.repository, "tag": found.tag, "digest": digest}
        screen.json({"version": VERSION, **answer, "changed": bool(patch), "patch": patch})
    elif dry_run:
        show_patch(screen, patch)
    else:
        said = "" if patch else " (as it was)"
        screen.line(f"{found.document}: {found.repository}:{found.tag} is {digest}{said}")
