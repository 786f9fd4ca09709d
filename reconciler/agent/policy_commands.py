"""What the agent's policy says of commands: each by its name, with what is run, where, and for what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.protocol.agent_policy import NamedCommand

MOST_ARGUMENTS: Final = 32
LONGEST_S: Final = 86_400
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_KEYS: Final = ("argv", "in", "network", "arguments", "longestSeconds", "documents")


def read_commands(value: Any) -> Mapping[str, NamedCommand]:
    """Raises ValueError, saying what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("must name commands, each with its argv")  # noqa: TRY004  (one kind of error for all)
    return {name: _command(name, said) for name, said in value.items()}


def _command(name: str, said: Any) -> NamedCommand:
    if not _NAME.fullmatch(name):
        raise ValueError(f"names {name!r}; lower-case letters, digits and hyphens are wanted")
    if not isinstance(said, dict) or "argv" not in said:
        raise ValueError(f"says nothing of the argv of {name}")
    unknown = sorted(said.keys() - set(_KEYS))
    if unknown:
        raise ValueError(f"says {unknown[0]} of {name}, which is not known; known are {', '.join(_KEYS)}")
    place, network = said.get("in", "container"), said.get("network", "none")
    if place not in {"container", "sandbox"}:
        raise ValueError(f"says that {name} is in {place!r}; it is container or sandbox")
    if network not in {"none", "container"} or ("network" in said and place != "sandbox"):
        raise ValueError(f"says a network of {name}; a sandbox has one, none or container")
    argv = _texts(name, "argv", said["argv"])
    if not argv or not argv[0].startswith("/"):
        raise ValueError(f"has an argv of {name} that does not begin with the absolute path of a program")
    return NamedCommand(
        argv=argv,
        arguments=_whole(name, "arguments", said.get("arguments", 0), least=0, most=MOST_ARGUMENTS),
        longest_seconds=_whole(name, "longestSeconds", said.get("longestSeconds", 300), least=1, most=LONGEST_S),
        place=place,
        network=network,
        documents=_texts(name, "documents", said.get("documents", [])),
    )


def _texts(name: str, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"wants a list of texts as {key} of {name}")
    return tuple(value)


def _whole(name: str, key: str, value: Any, *, least: int, most: int) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"wants a whole number from {least} to {most} as {key} of {name}")
    return int(text)
