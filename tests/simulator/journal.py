"""The history in memory: the ``Journal`` interface on frozen Records.

The same laws as the history on disk, retention included; both pass one contract suite and a state machine
that compares them step by step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.hook import HookName
from reconciler.core.record import (
    Allowance,
    HookEnd,
    HookRun,
    Operation,
    OperationKind,
    OperationState,
    Record,
    Revision,
)
from reconciler.errors import StateDamaged
from tests.simulator.retention import retained

KEPT_HEALS = 20
KEPT_ALLOWANCES = 100
NO_IMAGE = ("", False)


class MemoryJournal:
    """``clock`` gives seconds since the epoch. Safe for use from many threads."""

    def __init__(self, *, clock: Callable[[], float], owner: str = "0123456789abcdef") -> None:
        self.owner = owner
        self._clock = clock
        self._lock = threading.RLock()
        self._records: dict[str, Record] = {}
        self._images: dict[tuple[str, str], tuple[str, bool]] = {}

    def record(self, document: str) -> Record:
        with self._lock:
            return _apart(self._records.get(document) or Record(document=document, owner=self.owner))

    def records(self) -> Mapping[str, Record]:
        with self._lock:
            return {name: _apart(record) for name, record in self._records.items()}

    def begin(
        self,
        desired: DesiredState,
        *,
        generation: int,
        kind: OperationKind,
        container_id: str,
        cause: str,
        actor: str,
    ) -> None:
        with self._lock:
            record = self.record(desired.name)
            if any(item.generation == generation for item in record.operations):
                return
            if generation <= record.generation:
                raise StateDamaged(
                    f"generation {generation} of {desired.name} is not higher than every earlier one"
                )
            operation = Operation(
                generation=generation,
                kind=kind,
                fingerprint=desired.fingerprint,
                state="intent",
                container_id=container_id,
                image_id=self._images.get((desired.name, desired.fingerprint), NO_IMAGE)[0],
                actor=actor,
                cause=cause,
                started_at=self._clock(),
            )
            operations = retained((*record.operations, operation))
            revisions = self._revisions(desired.name, record.revisions, desired, operations)
            named = {item.fingerprint for item in operations}
            hooks = tuple(run for run in record.hooks if run.fingerprint in named)
            self._put(record, generation=generation, operations=operations, revisions=revisions, hooks=hooks)

    def created(self, document: str, generation: int, *, container_id: str) -> None:
        self._change(document, generation, container_id=container_id)

    def verified(self, document: str, fingerprint: str, *, image_id: str) -> None:
        with self._lock:
            self._image(document, fingerprint, image_id=image_id, collected=False)
            for item in self.record(document).operations:
                if item.fingerprint == fingerprint and item.state == "intent":
                    self._change(document, item.generation, image_id=image_id)

    def commit(self, document: str, generation: int) -> None:
        with self._lock:
            if not self._close(document, generation, "committed"):
                return
            record = self.record(document)
            done = _operation(record, generation)
            kept = {
                fingerprint: reason
                for fingerprint, reason in record.quarantined.items()
                if done.kind == "heal" and fingerprint != done.fingerprint
            }
            hooks = record.hooks if done.kind == "heal" else ()
            self._put(record, quarantined=kept, hooks=hooks, held="", failures=0, retry_at=0.0, last_error="")

    def failed(self, document: str, generation: int, *, reason: str, quarantine: bool) -> None:
        with self._lock:
            if _operation(self.record(document), generation).state != "intent":
                raise StateDamaged(f"generation {generation} of {document} has ended and cannot fail any more")
            self._change(document, generation, failure=reason, quarantine=quarantine)

    def undone(self, document: str, generation: int) -> None:
        with self._lock:
            if not self._close(document, generation, "undone"):
                return
            record = self.record(document)
            done = _operation(record, generation)
            if done.quarantine:
                self._put(record, quarantined={**record.quarantined, done.fingerprint: done.failure})

    def restored(self, document: str, generation: int) -> None:
        self._change(document, generation, restored=True)

    def healed(self, document: str, *, cause: str) -> None:
        with self._lock:
            record = self.record(document)
            self._put(record, heals=(*record.heals, self._clock())[-KEPT_HEALS:])

    def hold(self, document: str, *, reason: str) -> None:
        with self._lock:
            self._put(self.record(document), held=reason)

    def release(self, document: str) -> None:
        with self._lock:
            self._put_known(document, held="", heals=())

    def clear(self, document: str) -> bool:
        with self._lock:
            record = self.record(document)
            something = (
                record.quarantined or record.held or record.failures or record.retry_at or record.last_error
            )
            open_ones = {item.generation for item in record.operations if item.state == "intent"}
            hooks = tuple(run for run in record.hooks if run.state != "begun" or run.generation in open_ones)
            something = something or hooks != record.hooks
            self._put_known(document, quarantined={}, held="", heals=(), failures=0, retry_at=0.0, last_error="")
            self._put_known(document, hooks=hooks)
            return bool(something)

    def end_quarantine(self, document: str) -> None:
        with self._lock:
            self._put_known(document, quarantined={})

    def suspend(self, document: str, suspension: Suspension) -> None:
        with self._lock:
            self._put(self.record(document), suspension=suspension)

    def resume(self, document: str) -> bool:
        with self._lock:
            suspended = self.record(document).suspension is not None
            self._put_known(document, suspension=None)
            return suspended

    def retry_later(self, document: str, *, error: str, retry_at: float) -> None:
        with self._lock:
            record = self.record(document)
            self._put(record, failures=record.failures + 1, last_error=error, retry_at=retry_at)

    def passed(self, document: str) -> None:
        with self._lock:
            self._put_known(document, failures=0, retry_at=0.0, last_error="")

    def image_collected(self, document: str, fingerprint: str) -> None:
        with self._lock:
            image_id, _ = self._images.get((document, fingerprint), NO_IMAGE)
            self._image(document, fingerprint, image_id=image_id, collected=True)

    def hashed(self, document: str, generation: int, config_hashes: Mapping[str, str]) -> None:
        self._change(document, generation, config_hashes=dict(config_hashes))

    def hook_began(self, document: str, generation: int, *, hook: HookName, wish: str) -> None:
        with self._lock:
            record = self.record(document)
            open_ones = [item for item in record.operations if item.generation == generation]
            if not open_ones or open_ones[0].state != "intent":
                raise StateDamaged(f"generation {generation} of {document} is not open, no hook can run for it")
            run = HookRun(
                fingerprint=open_ones[0].fingerprint,
                hook=hook,
                wish=wish,
                generation=generation,
                began_at=self._clock(),
            )
            others = (item for item in record.hooks if (item.fingerprint, item.hook) != (run.fingerprint, hook))
            self._put(record, hooks=tuple(sorted((*others, run), key=lambda item: (item.fingerprint, item.hook))))

    def hook_ended(self, document: str, generation: int, *, hook: HookName, state: HookEnd) -> None:
        with self._lock:
            hooks = tuple(
                replace(run, state=state, ended_at=self._clock())
                if (run.generation, run.hook, run.state) == (generation, hook, "begun")
                else run
                for run in self.record(document).hooks
            )
            self._put_known(document, hooks=hooks)

    def allow(self, document: str, allowances: Collection[Allowance]) -> None:
        with self._lock:
            record = self.record(document)
            known = {item.image: item for item in (*record.allowances, *allowances)}
            newest = sorted(known.values(), key=lambda item: (-item.at, item.image))[:KEPT_ALLOWANCES]
            self._put(record, allowances=tuple(sorted(newest, key=lambda item: item.image)))

    def revoke(self, document: str) -> bool:
        with self._lock:
            something = bool(self.record(document).allowances)
            self._put_known(document, allowances=())
            return something

    def forget(self, document: str) -> None:
        with self._lock:
            self._images = {key: value for key, value in self._images.items() if key[0] != document}
            if document in self._records:
                generation = self._records[document].generation
                self._records[document] = Record(document=document, owner=self.owner, generation=generation)

    def _revisions(
        self,
        document: str,
        before: tuple[Revision, ...],
        desired: DesiredState,
        operations: tuple[Operation, ...],
    ) -> tuple[Revision, ...]:
        """With the one that begins (its newest document counts), without those that no operation names."""
        known = {item.fingerprint: item for item in before}
        image_id, collected = self._images.get((document, desired.fingerprint), NO_IMAGE)
        known[desired.fingerprint] = Revision(
            fingerprint=desired.fingerprint, desired=desired, image_id=image_id, image_collected=collected
        )
        named = {item.fingerprint for item in operations}
        for key in [key for key in self._images if key[0] == document and key[1] not in named]:
            del self._images[key]
        return tuple(item for item in known.values() if item.fingerprint in named)

    def _image(self, document: str, fingerprint: str, *, image_id: str, collected: bool) -> None:
        self._images[document, fingerprint] = (image_id, collected)
        revisions = tuple(
            replace(item, image_id=image_id, image_collected=collected)
            if item.fingerprint == fingerprint
            else item
            for item in self.record(document).revisions
        )
        self._put_known(document, revisions=revisions)

    def _change(self, document: str, generation: int, **changes: Any) -> None:
        with self._lock:
            record = self.record(document)
            changed = replace(_operation(record, generation), **changes)
            self._put(
                record,
                operations=tuple(changed if item.generation == generation else item for item in record.operations),
            )

    def _close(self, document: str, generation: int, state: OperationState) -> bool:
        before = _operation(self.record(document), generation).state
        if before == state:
            return False
        if before != "intent":
            raise StateDamaged(f"generation {generation} of {document} is {before} and cannot become {state}")
        self._change(document, generation, state=state, ended_at=self._clock())
        return True

    def _put(self, record: Record, **changes: Any) -> None:
        self._records[record.document] = replace(record, **changes)

    def _put_known(self, document: str, **changes: Any) -> None:
        """Leaves a document that was never seen unseen."""
        if document in self._records:
            self._put(self._records[document], **changes)


def _operation(record: Record, generation: int) -> Operation:
    found = next((item for item in record.operations if item.generation == generation), None)
    if found is None:
        raise StateDamaged(f"the history has no generation {generation} of {record.document}")
    return found


def _apart(record: Record) -> Record:
    """A Record that later changes, and its reader's, do not touch: its one mutable part is copied."""
    return replace(record, quarantined=dict(record.quarantined))
