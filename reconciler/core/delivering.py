"""The Actions that deliver files and secrets, what keeps them from being had here, and what may go again. Pure.

Delivered is before anything starts that has them mounted. Every revision that may run again keeps its versions, so
that going back asks nobody for anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.action import Action, CollectFiles, CreateContainer, DeliverFiles, RunHook
from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.delivery_drift import ABSENT, kind_of, path_of
from reconciler.core.desired import DesiredState
from reconciler.core.difference import Drift
from reconciler.core.record import Record
from reconciler.core.situation import KEPT_REVISIONS, Situation


def deliver_all(situation: Situation, cause: str) -> Iterator[DeliverFiles]:
    """Have all of the wanted revision there, whatever was seen of it: a container is made from it."""
    desired = situation.desired
    if desired.deliveries:
        yield DeliverFiles(document=desired.name, cause=cause, deliveries=desired.deliveries)


def deliver_missing(situation: Situation, desired: DesiredState) -> Iterator[DeliverFiles]:
    """Before a container of this revision is started again: what is not known to be there as it should be."""
    lacking = tuple(_lacking(situation, desired.deliveries))
    if lacking:
        cause = "the container cannot be started without it"
        yield DeliverFiles(document=situation.record.document, cause=cause, deliveries=lacking)


def deliver_absent(situation: Situation, drift: Iterable[Drift]) -> Iterator[DeliverFiles]:
    """What is gone from under a container that runs, as far as it can be had here."""
    gone = {(item.kind, item.path) for item in drift if item.found == ABSENT}
    lacking = (item for item in situation.desired.deliveries if (kind_of(item), path_of(item)) in gone)
    here = tuple(item for item in lacking if not unavailable(situation, (item,)))
    if here:
        cause = "it is gone from the host, and the container needs it to be started again"
        yield DeliverFiles(document=situation.desired.name, cause=cause, deliveries=here)


def hindrance(situation: Situation, actions: Iterable[Action]) -> str:
    """Why these Actions cannot be carried out here: what they deliver or open cannot be had; "" when it can."""
    seen = tuple(actions)
    files = (item for action in seen if isinstance(action, DeliverFiles) for item in action.deliveries)
    opened = (
        item for action in seen if isinstance(action, CreateContainer | RunHook) for item in action.variables
    )
    return unavailable(situation, files, opened)


def unavailable(
    situation: Situation, deliveries: Iterable[Delivery], variables: Iterable[SealedVariable] = ()
) -> str:
    """What of these cannot be had on this host, in words; "" for nothing. What is there as it should be needs no
    opening.
    """
    reading = situation.observation.deliveries.get(situation.desired.name)
    if reading is None:
        return ""
    lacking = tuple(_lacking(situation, deliveries))
    if lacking and reading.problem:
        return reading.problem
    asked = (*((item.name, item.version) for item in lacking), *((item.name, item.version) for item in variables))
    unopened = reading.unopened
    reasons = (f"the secret {name} cannot be had here: {unopened[it]}" for name, it in asked if it in unopened)
    return "; ".join(dict.fromkeys(reasons))


def collect_deliveries(situation: Situation, good: tuple[str, ...]) -> Iterator[CollectFiles]:
    """Versions that no revision needs any more. ``good`` are fingerprints, newest first."""
    reading = situation.observation.deliveries.get(situation.desired.name)
    if reading is None:
        return
    states = (situation.desired, *((situation.wanted,) if situation.wanted else ()))
    needed = frozenset(item.version for item in may_run(situation.record, states, good))
    there = {version for version, state in reading.states.items() if state != ABSENT} | set(reading.stray)
    if there - needed:
        cause = f"it is not of the last {KEPT_REVISIONS} good revisions"
        yield CollectFiles(document=situation.desired.name, cause=cause, keep=needed)


def may_run(record: Record, states: Iterable[DesiredState], good: tuple[str, ...]) -> tuple[Delivery, ...]:
    """What is delivered for these states and for the revisions that may run again, each once."""
    kept = (item.desired for item in record.revisions if item.fingerprint in good[:KEPT_REVISIONS])
    return tuple({item.version: item for state in (*states, *kept) for item in state.deliveries}.values())


def _lacking(situation: Situation, deliveries: Iterable[Delivery]) -> Iterator[Delivery]:
    reading = situation.observation.deliveries.get(situation.record.document)
    return (item for item in deliveries if reading is None or reading.states.get(item.version) != "current")
