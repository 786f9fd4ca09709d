"""Paths of ``drift.ignore``: a misspelt one would ignore nothing, silently, and is refused."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.spec.problem import Wrong, choices
from reconciler.spec.schema import config_keys


def ignored(value: str) -> str:
    """A path of a Container, such as ``config.environment.BUILD_ID``."""
    head, *rest = value.split(".")
    known = config_keys()
    if head == "config" and rest and rest[0] not in known:
        raise Wrong(f'"{value}": config has no "{rest[0]}"{choices(rest[0], known, limit=0)}')
    if head in known:
        raise Wrong(f'"{value}" is not a path below spec; did you mean "config.{value}"?')
    return value


def ignored_of_project(value: str, *, services: Sequence[str]) -> str:
    """A path of a ComposeProject: ``services.NAME`` and what is below it as with a Container."""
    head, _, rest = value.partition(".")
    if head == "config" or head in config_keys():
        below = value.removeprefix("config.")
        raise Wrong(f'"{value}" is of one container; a project has services: "services.NAME.config.{below}"')
    if head != "services" or not rest:
        return value
    name = max((item for item in services if rest == item or rest.startswith(f"{item}.")), key=len, default="")
    if not name:
        word = rest.partition(".")[0]
        raise Wrong(f'"{value}": there is no service "{word}"{choices(word, services)}')
    below = rest.removeprefix(name).removeprefix(".")
    if below and below.partition(".")[2].partition(".")[0] != "privileged":
        ignored(below)
    return value
