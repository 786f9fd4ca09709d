"""What Compose is told, as lists of arguments. Pure: every option that we use is in this file."""

from __future__ import annotations

from reconciler.core.interfaces import ComposeProject

VERSION = ("version", "--short")


def config(project: ComposeProject) -> tuple[str, ...]:
    """Print the model as JSON."""
    return (*_base(project), *_files(project), "config", "--format", "json")


def up(project: ComposeProject, recreate: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The runs, in their order. Forced recreation looks at its services only, so that whatever else is missing has
    to be there before, and whatever shares a namespace with one of them follows after.
    """
    run = (*_base(project), *_files(project), "up", "--no-start", "--pull", "never", "--remove-orphans")
    forced = (*run, "--force-recreate", "--no-deps", "--", *recreate)
    return (run, forced, run) if recreate else (run,)


def down(project: ComposeProject) -> tuple[str, ...]:
    """By name alone: works as well when the revision's files are gone, and never removes a volume."""
    return (*_base(project), "down", "--remove-orphans")


def _base(project: ComposeProject) -> tuple[str, ...]:
    """The empty environment file stands for the ``.env`` that Compose would read by itself."""
    return (
        *("--project-name", project.name),
        *("--project-directory", project.directory),
        *("--env-file", "/dev/null"),
        *("--ansi", "never"),
        *("--progress", "plain"),
    )


def _files(project: ComposeProject) -> tuple[str, ...]:
    return tuple(word for file in project.files for word in ("--file", file))
