"""``validate``: are the documents right. Needs neither engine nor state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.folder import Found, read_files, read_folder
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import output_option, settings_options
from reconciler.cli.policy import policy_in_force, refusals_of
from reconciler.cli.problems import illustration, prefix_of, problem_json, style_of
from reconciler.cli.screen import Screen
from reconciler.core.desired import DesiredState
from reconciler.core.policy import BUILT_IN, Policy, Refusal
from reconciler.core.words import count
from reconciler.sources.reading import read_file
from reconciler.spec.assemble import Examined
from reconciler.spec.check import for_target
from reconciler.spec.document import read_documents
from reconciler.spec.problem import Problem, is_error

VERSION: Final = 1
UNASKED: Final = "no host's policy was looked at, there is none here; with that of the host: --policy FILE"


@command("validate")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--fleet", is_flag=True, help="As an orchestrator reads them, for the hosts of a fleet.")
@output_option
@settings_options("desired", "policy")
@pass_invocation
@click.pass_context
def validate(
    context: click.Context, invocation: Invocation, /, *, paths: tuple[Path, ...], fleet: bool, output: str
) -> None:
    """Check documents; needs no engine.

    PATH is a folder, checked as a whole, or a file; the default is the folder of documents. A file of that folder
    is checked in its company, with the Defaults there; other files are checked together. Where this host has a
    policy file, what it refuses is wrong too; --policy tries another.

    Exit status: 0 all good, 1 something is wrong.
    """
    examined = _examined(paths, invocation.settings.desired, fleet=fleet)
    screen = invocation.screen
    problems = list(dict.fromkeys(problem for item in examined for problem in item.problems))
    policy = policy_in_force(invocation)
    refused = _refused(examined, policy, invocation.settings.target or None)
    documents = sum(len(item.documents) for item in examined) - len(refused)
    problems += [problem for found in refused for problem in found]
    errors = sum(map(is_error, problems))
    if output == "json":
        screen.json(
            {
                "version": VERSION,
                "valid": not errors,
                "documents": documents,
                "problems": [problem_json(problem) for problem in problems],
            }
        )
    else:
        _show(screen, problems)
        good = f"{count(documents, 'document')} good"
        screen.line(f"{good}, {count(errors, 'error')}" if errors else good, "bold" if errors else "green")
        if policy.source == BUILT_IN and documents:
            screen.note(UNASKED, "dim")
    context.exit(Exit.ERROR if errors else Exit.DONE)


def _refused(examined: Sequence[Examined], policy: Policy, target: str | None) -> list[list[Problem]]:
    """What the policy of this host refuses, for each document meant for it of which it refuses something; nothing
    where it has no policy file: the built-in policy says nothing of the host that the documents are for.
    """
    if policy.source == BUILT_IN:
        return []
    found = [
        [_problem(item, document, refusal) for refusal in refusals_of(document, policy)]
        for item in examined
        for document in for_target(item.documents, target)
    ]
    return [problems for problems in found if problems]


def _problem(examined: Examined, document: DesiredState, refusal: Refusal) -> Problem:
    from reconciler.cli.refused import refused_field

    told = f"the host's policy refuses: {replace(refusal, where='')}"
    return examined.problem(document, refused_field(refusal, document.document), told)


def _examined(paths: Sequence[Path], desired: Path, *, fleet: bool) -> list[Examined]:
    """One entry for each folder, one for the files of the folder of documents, one for all other files."""

    def of(found: Found) -> Examined:
        return found.examined(every=True, fleet=fleet)

    folders = [path for path in paths or (desired,) if path.is_dir() or not paths]
    files = [path for path in paths if not path.is_dir()]
    at_home = [path for path in files if path.is_file() and path.resolve().is_relative_to(desired.resolve())]
    strangers = [path for path in files if path not in at_home]
    examined = [of(read_folder(folder, prefix=prefix_of(folder))) for folder in folders]
    if at_home:
        examined.append(_of_files(of(read_folder(desired, prefix=prefix_of(desired))), at_home))
    if strangers:
        examined.append(of(read_files(strangers)))
    return examined


def _of_files(whole: Examined, files: Sequence[Path]) -> Examined:
    """What concerns these files, and lock files of their documents, of everything that was examined."""
    places = {path.resolve() for path in files}
    documents = [item for item in whole.documents if item.source and Path(item.source.file).resolve() in places]
    names = {item.name for path in files for item in read_documents(read_file(str(path)).content, str(path))[0]}
    problems = [
        problem
        for problem in whole.problems
        if Path(problem.file).resolve() in places or problem.document in names
    ]
    return replace(whole, documents=tuple(documents), problems=tuple(problems))


def _show(screen: Screen, problems: Sequence[Problem]) -> None:
    for problem in problems:
        screen.prose(str(problem), style_of(problem))
        for text, style in illustration(problem, screen.out.width):
            screen.line(text, style)
