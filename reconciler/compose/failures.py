"""What Compose's messages mean, as our own errors.

Compose ends with 1 for nearly everything, and mostly passes on the engine's words; so the words decide. Those of
Compose 2.26 and of moby 20.10 to 28; the table is tested against recorded messages. What is not known is the
project's own fault and does not pass by itself.

Invariant: texts are bounded, without control characters, and without credentials of URLs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler import errors
from reconciler.compose.lines import is_progress, message

TEXT_LIMIT = 2048
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """Texts that ``pattern`` is found in are errors of class ``error``; ``hint`` says what to do next."""

    pattern: re.Pattern[str]
    error: Callable[..., errors.ReconcilerError]
    hint: str


def _rule(error: Callable[..., errors.ReconcilerError], hint: str, *patterns: str) -> Rule:
    return Rule(re.compile("|".join(patterns), re.IGNORECASE), error, hint)


RULES: tuple[Rule, ...] = (
    _rule(
        errors.NoSpace,
        "free disk space on the host: `docker system df` shows who uses it",
        r"no space left on device",
        r"disk quota exceeded",
        r"not enough (free )?(disk )?space",
    ),
    _rule(
        errors.EngineUnavailable,
        "check that the engine runs; what was asked may have happened",
        r"cannot connect to the docker daemon",
        r"error during connect",
        r"permission denied while trying to connect",
        r"connection (refused|reset by peer)",
        r"broken pipe",
        r"unexpected EOF",
        r"context canceled",
        r"context deadline exceeded",
        r"connection error: desc",
        r"transport is closing",
        r"daemon is shutting down",
        r"error reading from server: EOF",
        r"\bEOF$",
    ),
    _rule(
        errors.ComposeBusy,
        "the next pass mends what an earlier run left; rename a container of somebody else's",
        r"container name .* is already in use",
    ),
    _rule(
        errors.ComposeBusy,
        "the next pass looks at the host anew",
        r"removal of container \S+ is already in progress",
        r"is already in progress",
        r"marked for removal",
        r"no such (container|image)",
        r"cannot start a paused container",
        r"container missing$",
        r"network (with name )?\S+ already exists",
    ),
    _rule(
        errors.ComposeBusy,
        "disconnect the containers that are not the project's: `docker network inspect` shows them",
        r"has active endpoints",
        r"resource is still in use",
    ),
    _rule(
        errors.ComposeBusy,
        "a network that is declared as external has to be made by hand",
        r"network \S+ not found",
        r"network \S+ declared as external, but could not be found",
    ),
)


def failure(doing: str, lines: Sequence[str]) -> errors.ReconcilerError:
    """The error for a run that ended badly. ``doing`` is what was attempted, ``lines`` its last output."""
    plain = [message(line) for line in lines if line.strip()]
    text = bounded([line for line in plain if not is_progress(line)] or plain)
    rule = next((item for item in RULES if item.pattern.search(text)), None)
    error = rule.error if rule else errors.ComposeFailed
    return error(f"{doing}: {text or 'Compose gave no reason'}", hint=rule.hint if rule else "")


def left_in_use(lines: Sequence[str]) -> bool:
    """Whether something stayed because others use it, although the run said that all went well."""
    return any(line.strip().endswith("Resource is still in use") for line in lines)


def bounded(lines: Sequence[str]) -> str:
    """The last lines as one, within the limit: the end is what says why."""
    text = "; ".join(lines[-_LAST_LINES:])
    return text if len(text) <= TEXT_LIMIT else f"…{text[1 - TEXT_LIMIT :]}"
