"""Rollback: which earlier revision a document is to go back to. Pure.

A rollback only ever goes back. While the document asks for what never served, or is quarantined, going back is to
what is committed. Else, without a named release, it is the revision that served before the current one first
did, so that asking twice goes two steps back and never forward again to what was just left. A release
that never worked here, or is quarantined, is refused unless forced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.record import Record, Revision
from reconciler.errors import InputError


def choose_revision(record: Record, *, current: str, release: str = "", force: bool = False) -> Revision:
    """The revision to go back to.

    ``current`` is the fingerprint that the document asks for now; ``release`` is a release id, "" means the one
    before. ``force`` allows a revision that is quarantined or never served. Raises InputError with the known
    releases when there is none.
    """
    chosen = _named(record, release, current, force=force) if release else _before(record, current)
    reason = record.quarantined.get(chosen.fingerprint)
    if reason is not None and not force:
        raise InputError(
            f"release {chosen.release.id} of {record.document} is quarantined: {reason}",
            hint=f"`reconciler clear {record.document}` ends the quarantine; --force goes back to it all the same",
        )
    return chosen


def served(record: Record) -> tuple[str, ...]:
    """Fingerprints that were committed, in the order in which each first was."""
    return tuple(dict.fromkeys(item.fingerprint for item in record.operations if item.state == "committed"))


def _before(record: Record, current: str) -> Revision:
    order = served(record)
    committed = record.committed_revision
    failed = current not in order or current in record.quarantined
    if committed is not None and committed.fingerprint != current and failed:
        return committed
    earlier = order[: order.index(current)] if current in order else order
    kept = [
        revision for fingerprint in reversed(earlier) if (revision := record.revision(fingerprint)) is not None
    ]
    good = [revision for revision in kept if revision.fingerprint not in record.quarantined]
    if not kept:
        raise InputError(f"nothing to roll back to: {_first(record, current)}", hint=_others(record, current))
    return (good or kept)[0]


def _first(record: Record, current: str) -> str:
    """Why there is no release before the one that the document asks for."""
    revision = record.revision(current)
    if revision is None or current not in served(record):
        return f"no earlier release of {record.document} ever worked here"
    name = f"release {revision.release.id}, which the document of {record.document} asks for,"
    return f"{name} is the first that ever worked here"


def _others(record: Record, current: str) -> str:
    """What else the history has, and what would be to say of each."""
    worked = served(record)
    states = {
        item.release.id: "quarantined"
        if item.fingerprint in record.quarantined
        else "worked"
        if item.fingerprint in worked
        else "never worked"
        for item in record.revisions
        if item.fingerprint != current
    }
    told = ", ".join(f"{release} ({state})" for release, state in states.items())
    return f"others in the history, for --to: {told}" if told else ""


def _named(record: Record, release: str, current: str, *, force: bool) -> Revision:
    of_release = [item for item in record.revisions if item.release.id == release]
    if not of_release:
        known = ", ".join(release_ids(record.revisions)) or "none"
        raise InputError(f"release {release} is not in the history of {record.document}", hint=f"known: {known}")
    order = served(record)
    good = [item for item in of_release if item.fingerprint in order]
    if not good and not force:
        raise InputError(
            f"release {release} of {record.document} never worked here", hint="--force tries it again"
        )
    newest = sorted(good or of_release, key=lambda item: _place(order, item.fingerprint))
    others = [item for item in newest if item.fingerprint != current]
    if not others:
        raise InputError(f"the document of {record.document} already asks for release {release}")
    return others[-1]


def _place(order: Sequence[str], fingerprint: str) -> int:
    return order.index(fingerprint) if fingerprint in order else -1


def release_ids(revisions: Iterable[Revision]) -> tuple[str, ...]:
    """Ids of the releases, oldest first, each once."""
    return tuple(dict.fromkeys(item.release.id for item in revisions))
