"""``rollback``: a document's file edited back to an earlier revision; the controller then follows.

The edit is proved before it is written: the edited files, with their Defaults and neighbours, must give exactly
the revision that is to come back, and no new problem. What cannot be so, for example because a value now comes
from the Defaults, is refused and nothing is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.files import read_bounded, write_atomically
from reconciler.cli.folder import read_folder
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, name_argument, output_option, settings_options
from reconciler.cli.patches import show_patch, unified
from reconciler.cli.pin_text import without_tag
from reconciler.cli.rollback_edit import differing, edits_to
from reconciler.core.desired import DesiredState
from reconciler.core.rollback import choose_revision
from reconciler.errors import InputError
from reconciler.spec.edit import set_values
from reconciler.spec.problem import is_error
from reconciler.spec.yaml_tree import MAX_BYTES

if TYPE_CHECKING:
    from reconciler.config import Settings
    from reconciler.controller.service import Service

VERSION: Final = 1


@click.command("rollback")
@name_argument
@click.option("--to", default="", metavar="RELEASE", help="Id of the release [the one that served before].")
@click.option("--dry-run", is_flag=True, help="Only show the patch.")
@click.option("--force", is_flag=True, help="Also to a release that is quarantined or never worked.")
@output_option
@settings_options(*HOST)
@pass_invocation
def rollback(invocation: Invocation, /, *, name: str, to: str, output: str, **how: bool) -> None:
    """Edit a document back to an earlier release.

    Release, image, digest and configuration become those of the earlier revision; comments and order stay. The
    running controller follows; without one, apply does it.
    """
    settings = invocation.settings
    with invocation.service() as service:
        current = _current(service, name)
        record = service.record(name)
        revision = choose_revision(record, current=current.fingerprint, release=to, force=how["force"])
        file = Path(current.source.file) if current.source else Path()
        before = read_bounded(settings.desired / file, limit=MAX_BYTES)
        after = rolled_back(before, current, revision.desired)
        prove(settings, str(file), after, revision.desired)
        if not how["dry_run"]:
            write_atomically(settings.desired / file, after)
            if revision.fingerprint in record.quarantined:
                service.clear(name)
    _tell(invocation, current, revision.desired, unified(before, after, str(file)), output=output, **how)


def rolled_back(text: str, current: DesiredState, wanted: DesiredState) -> str:
    """The file's text with ``current``'s document edited to be ``wanted``; a digest that changes loses its tag."""
    edited = set_values(text, current.name, edits_to(current, wanted))
    same = current.digest == wanted.digest
    return edited if same else without_tag(edited, current.source.file if current.source else "", current.name)


def prove(settings: Settings, file: str, text: str, wanted: DesiredState) -> None:
    """Raise InputError unless the folder with this file is sound and asks for ``wanted``."""
    found = read_folder(settings.desired)
    found.contents[file] = text.encode()
    examined = found.examined(target=settings.target or None)
    problems = [problem for problem in examined.problems if problem.file == file and is_error(problem)]
    if problems:
        raise InputError(
            f"with release {wanted.release.id} {file} would be wrong:\n" + "\n".join(map(str, problems)),
            hint="nothing was written; edit the file by hand",
        )
    result = next((item for item in examined.documents if item.name == wanted.name), None)
    if result is None or result.fingerprint != wanted.fingerprint:
        paths = ", ".join(differing(result, wanted)) if result else "the document"
        raise InputError(
            f"no edit of {file} brings {wanted.name} back to release {wanted.release.id}: {paths} would differ",
            hint="nothing was written; a value of the Defaults may be in the way",
        )


def _current(service: Service, name: str) -> DesiredState:
    found = next((item for item in service.loaded().documents if item.name == name), None)
    if found is None or found.source is None:
        service.record(name)
        raise InputError(f"no file has the document {name} now", hint="bring its file back first")
    return found


def _tell(
    invocation: Invocation, current: DesiredState, wanted: DesiredState, patch: str, *, output: str, **how: bool
) -> None:
    screen = invocation.screen
    file = str(invocation.settings.desired / (current.source.file if current.source else ""))
    if output == "json":
        releases = {"from": current.release.id, "to": wanted.release.id}
        answer = {"version": VERSION, "name": current.name, **releases, "file": file}
        screen.json({**answer, "written": not how["dry_run"], "patch": patch})
    elif how["dry_run"]:
        show_patch(screen, patch)
    else:
        screen.line(f"{current.name}: release {current.release.id} -> {wanted.release.id} in {file}")
        screen.note(f"the controller follows; without one: reconciler apply {current.name}")
