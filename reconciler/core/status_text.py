"""Statuses in words: the columns of the table of documents, their order, and what stands in them.

One place for the command line and the status page, so that both say the same. Colours, widths and markup are not
decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.core.status import DocumentStatus, HealthWord, Phase, Sync
from reconciler.core.status_json import timestamp
from reconciler.core.words import count

TITLES: Final = ("Document", "Sync", "Health", "Release", "Drift", "Since", "Reason")

PHASES: Final[tuple[Phase, ...]] = ("Failed", "RolledBack", "Held", "Blocked", "Reconciling", "Converged")
HEALTHS: Final[tuple[HealthWord, ...]] = (
    "Degraded",
    "Missing",
    "Unknown",
    "Progressing",
    "Suspended",
    "Healthy",
)
SYNCS: Final[tuple[Sync, ...]] = ("OutOfSync", "Unknown", "Synced")
"""Each of the three: worst first."""

GOOD: Final = frozenset({"Synced", "Healthy", "Progressing", "Suspended"})
"""Words of sync and health that do not ask for a look."""

NOT_SERVING: Final = frozenset({"Degraded", "Missing"})

NOTHING: Final = "-"


def worst_first(statuses: Iterable[DocumentStatus]) -> list[DocumentStatus]:
    """What does not serve, then by phase, sync and health; equals by name."""
    return sorted(
        statuses,
        key=lambda item: (
            item.health not in NOT_SERVING,
            PHASES.index(item.phase),
            SYNCS.index(item.sync),
            HEALTHS.index(item.health),
            item.name,
        ),
    )


def release_word(item: DocumentStatus) -> str:
    """What runs."""
    return item.running_release or "none"


def drift_word(item: DocumentStatus) -> str:
    """The kind of the first difference, and how many more differences there are."""
    if not item.drift:
        return NOTHING
    more = len(item.drift) - 1
    return item.drift[0].kind + (f" +{more}" if more else "")


def reason_words(item: DocumentStatus) -> str:
    """Why it is not as it should be; "" where nothing is to be said."""
    parts: list[str] = []
    if item.desired_release != item.running_release:
        parts.append(f"wants {item.desired_release}" if item.desired_release else "not wanted any more")
    if item.phase not in {"Converged", "Reconciling"}:
        parts.append(item.phase)
    said = item.reason or item.quarantined
    if item.suspension is not None:
        until = timestamp(item.suspension.until)
        parts.append(f"suspended by {item.suspension.by}" + (f" until {until}" if until else ""))
        said = item.suspension.reason
    return ": ".join([", ".join(parts), said] if parts and said else [", ".join(parts) or said])


def tally(words: Iterable[str], order: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """How many there are of each word, in this order, without those that there are none of."""
    found = list(words)
    return tuple((word, found.count(word)) for word in order if word in found)


def worst_count(statuses: Sequence[DocumentStatus], problems: int = 0) -> str:
    """What asks for a look, as short as a title: ``2 OutOfSync, 1 Degraded``, or ``all Synced``. ``problems``: of
    files that are not in force as they are written.
    """
    if problems:
        return f"{count(problems, 'problem')} in files, {worst_count(statuses)}"
    if not statuses:
        return "no documents"
    syncs = tally((item.sync for item in statuses), SYNCS)
    healths = tally((item.health for item in statuses), HEALTHS)
    bad = (f"{number} {word}" for word, number in (*syncs, *healths) if word not in GOOD)
    return ", ".join(dict.fromkeys(bad)) or "all Synced"
