"""``rollback``: a document's file edited back to an earlier revision; the controller then follows.

A project's files beside the document come back with it. Everything is proved before anything is written: the
folder with the new texts, with its Defaults and neighbours, must give exactly the revision that is to come back,
and no new problem. What cannot be so, for example because a value now comes from the Defaults, is refused and
nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.completing import releases
from reconciler.cli.files import read_bounded
from reconciler.cli.folder import read_folder
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, name_argument, output_option, settings_options
from reconciler.cli.patches import patch_of, show_patch
from reconciler.cli.pin_text import tag_of, without_tag
from reconciler.cli.rollback_edit import differing, edits_to
from reconciler.cli.rollback_files import Change, artifact_changes, write_all
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


@command("rollback")
@name_argument
@click.option(
    "--to",
    default="",
    metavar="RELEASE",
    help="Id of the release [the one that served before].",
    shell_complete=releases,
)
@click.option("--dry-run", is_flag=True, help="Only show the patch.")
@click.option(
    "--force",
    is_flag=True,
    help="Also to a release that is quarantined or never worked, and over a project's files that were edited.",
)
@output_option
@settings_options(*HOST)
@pass_invocation
def rollback(invocation: Invocation, /, *, name: str, to: str, output: str, **how: bool) -> None:
    """Edit a document back to an earlier release.

    Release, image, digest and configuration become those of the earlier revision; comments and order stay. A
    project's lock file and config files come back with it. The running controller follows; without one, apply
    does it.
    """
    settings = invocation.settings
    with invocation.service() as service:
        current = _current(service, name)
        record = service.record(name)
        revision = choose_revision(record, current=current.fingerprint, release=to, force=how["force"])
        changes = _changes(invocation, service, current, revision.desired, force=how["force"])
        prove(settings, changes, revision.desired)
        if not how["dry_run"]:
            with service.editing_back(name, current, revision.desired):
                write_all(settings.desired, changes)
            if revision.fingerprint in record.quarantined:
                service.clear(name)
    _tell(invocation, (current, revision.desired), changes, output=output, dry_run=how["dry_run"])


def _changes(
    invocation: Invocation, service: Service, current: DesiredState, wanted: DesiredState, *, force: bool
) -> tuple[Change, ...]:
    """All files that are to be written, the document as the last."""
    if current.kind != wanted.kind:
        raise InputError(
            f"release {wanted.release.id} of {wanted.name} was a {wanted.kind}; the document is a {current.kind}",
            hint="nothing was written; write a document of that kind by hand, under another name",
        )
    folder, file = invocation.settings.desired, _file(current)
    before = read_bounded(folder / file, limit=MAX_BYTES)
    after = rolled_back(before, current, wanted)
    others = service.loaded().documents
    beside = artifact_changes(folder, current, wanted, others=others, force=force)
    return (*beside, Change(file=file, before=before.encode(), after=after.encode()))


def rolled_back(text: str, current: DesiredState, wanted: DesiredState) -> str:
    """The file's text with ``current``'s document edited to be ``wanted``; a digest that changes loses its tag."""
    edited = set_values(text, current.name, edits_to(current, wanted))
    same = current.project is not None or current.digest == wanted.digest
    return edited if same else without_tag(edited, _file(current), current.name)


def prove(settings: Settings, changes: Sequence[Change], wanted: DesiredState) -> None:
    """Raise InputError unless the folder with these files is sound and asks for ``wanted``."""
    found, file = read_folder(settings.desired), changes[-1].file
    found.instead.update((change.file, change.after) for change in changes)
    examined = found.examined(target=settings.target or None)
    ours = {change.file for change in changes}
    problems = [problem for problem in examined.problems if problem.file in ours and is_error(problem)]
    if problems:
        raise InputError(
            f"with release {wanted.release.id} {file} would be wrong:\n" + "\n".join(map(str, problems)),
            hint="nothing was written; edit the file by hand",
        )
    result = next((item for item in examined.documents if item.name == wanted.name), None)
    if result is None or result.fingerprint != wanted.fingerprint:
        paths = ", ".join(differing(result, wanted) if result else ()) or "the document"
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


def _file(current: DesiredState) -> str:
    return current.source.file if current.source else ""


def _tell(
    invocation: Invocation,
    states: tuple[DesiredState, DesiredState],
    changes: Sequence[Change],
    *,
    output: str,
    dry_run: bool,
) -> None:
    screen, folder = invocation.screen, invocation.settings.desired
    current, wanted = states
    files = [str(folder / change.file) for change in changes]
    patch = "".join(map(patch_of, changes))
    if output == "json":
        releases = {"from": current.release.id, "to": wanted.release.id}
        answer = {"version": VERSION, "name": current.name, **releases, "file": files[-1], "files": files}
        screen.json({**answer, "written": not dry_run, "patch": patch})
    elif dry_run:
        show_patch(screen, patch)
    else:
        screen.line(f"{current.name}: release {current.release.id} -> {wanted.release.id} in {files[-1]}")
        for file in files[:-1]:
            screen.line(f"  and {file}")
        if tag := _lost_tag(current, changes[-1]):
            screen.note(
                f"its comment on the tag {tag} was taken out: that is not where {wanted.release.id} came from"
            )
        screen.note(f"the controller follows; without one: reconciler apply {current.name}")


def _lost_tag(current: DesiredState, change: Change) -> str:
    """The tag that was named beside the digest and is no more; no history knows that of the earlier one."""
    if current.project is not None:
        return ""
    before = tag_of((change.before or b"").decode(), change.file, current.name)
    return before if before != tag_of(change.after.decode(), change.file, current.name) else ""
