"""What is wrong in the folder's files, told beside an answer: as lines that editors can open, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.cli.screen import Screen
from reconciler.core.display import printable
from reconciler.spec.problem import MAX_SOURCE_LINE, Problem, is_error

if TYPE_CHECKING:
    from reconciler.sources.files import Loaded

_MARGIN: Final = "  "
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
    """Tell them beside the result, each with its line. Returns whether any of them is an error."""
    for problem in problems:
        screen.note(str(problem), style=style_of(problem))
        for text, style in illustration(problem, screen.err.width):
            screen.note(text, style)
    return any(map(is_error, problems))


def style_of(problem: Problem) -> str:
    """An error is red, a warning yellow."""
    return "red" if is_error(problem) else "yellow"


def illustration(problem: Problem, width: int) -> tuple[tuple[str, str], ...]:
    """The source line with a caret under the place, each with its style; () where the line is not known."""
    from reconciler.cli.wrapping import excerpt

    if not problem.text.strip():
        return ()
    line, caret = excerpt(printable(problem.text), problem.column, min(width, MAX_SOURCE_LINE) - len(_MARGIN))
    return ((_MARGIN + line, "dim"), (_MARGIN + caret, "bold"))


def concerning(loaded: Loaded, names: Sequence[str]) -> bool:
    """Whether an error is of what was asked for: of anything where no document is named; else of a named one, of
    the file that it stood in when it could be read, or of the folder as a whole.
    """
    files = {item.source.file for item in loaded.documents if item.name in names and item.source is not None}
    everything = not names or not loaded.complete
    return any(
        everything or (problem.document in names if problem.document else problem.file in files)
        for problem in loaded.problems
        if is_error(problem)
    )


def problem_json(problem: Problem) -> dict[str, Any]:
    """The published form of a problem."""
    return {key: getattr(problem, key) for key in _KEYS}
