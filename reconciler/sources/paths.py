"""Reading the files and folders that a person names, to examine them: ``reconciler validate PATH…``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconciler.sources.reading import read_file
from reconciler.sources.scan import at_file, list_folder
from reconciler.spec.problem import Problem


def read_paths(paths: Iterable[Path]) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    """Contents by name, each as the person would type it, and what could not be read. Never raises."""
    contents: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path in paths:
        if path.is_dir():
            listing = list_folder(path)
            problems += (_below(path, problem) for problem in listing.problems)
            places = {str(path / name): entry.place for name, entry in listing.files.items()}
            if not places and not listing.problems:
                problems.append(at_file(str(path), "the folder has no *.yaml or *.yml files"))
        else:
            places = {str(path): str(path.resolve())}
        for name, place in places.items():
            reading = read_file(place)
            if reading.trouble:
                problems.append(at_file(name, reading.trouble))
            else:
                contents[name] = reading.content
    return contents, tuple(problems)


def _below(folder: Path, problem: Problem) -> Problem:
    return at_file(str(folder / problem.file), problem.message)
