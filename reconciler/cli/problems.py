"""What is wrong in the folder's files, told beside an answer: as lines that editors can open, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reconciler.cli.screen import Screen
from reconciler.spec.problem import Problem, is_error

_KEYS: Final = ("file", "line", "column", "path", "message", "level", "document")


def prefix_of(folder: Path) -> str:
    """What makes a name in the folder a path that can be opened from here."""
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return "" if shown == Path() else f"{shown}/"


def located(problems: Iterable[Problem], folder: Path) -> tuple[Problem, ...]:
    """Problems of a loaded folder with paths that can be opened; one of the folder as a whole names it already."""
    prefix = prefix_of(folder)
    return tuple(
        problem if problem.file == str(folder) or Path(problem.file).is_absolute() else _below(prefix, problem)
        for problem in problems
    )


def _below(prefix: str, problem: Problem) -> Problem:
    return replace(problem, file=prefix + problem.file)


def show_problems(screen: Screen, problems: Sequence[Problem]) -> bool:
    """Tell them beside the result. Returns whether any of them is an error."""
    for problem in problems:
        screen.note(str(problem), style="red" if is_error(problem) else "yellow")
    return any(map(is_error, problems))


def problem_json(problem: Problem) -> dict[str, Any]:
    """The published form of a problem."""
    return {key: getattr(problem, key) for key in _KEYS}
