"""Carries out Actions on the history and the sticker.

Decides nothing: it writes down what a plan says, and looks first, so that an Action which is already so is
success and writes nothing. The one exception is a heal, which is a count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core import action as actions
from reconciler.core.action import Action
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Journal, Progress, Stickers
from reconciler.core.outcome import Outcome
from reconciler.core.record import Operation, Record, helper_image
from reconciler.core.sticker import make_sticker, seal
from reconciler.errors import ReconcilerError, VerificationFailed

Write = Callable[[Any], bool]
"""Carries out one Action; False when it was so before."""


class RecordExecutor:
    """The executor of the ``RecordAction`` family.

    ``key`` authenticates stickers. ``actor`` tells on whose behalf a document is worked on now.
    """

    def __init__(self, journal: Journal, stickers: Stickers, *, key: bytes, actor: Callable[[str], str]) -> None:
        self._journal = journal
        self._stickers = stickers
        self._key = key
        self._actor = actor
        self._writes: Mapping[str, Write] = {
            actions.RecordIntent.kind: self._intent,
            actions.Commit.kind: self._commit,
            actions.RecordUndone.kind: self._undone,
            actions.RecordHeal.kind: self._heal,
            actions.Hold.kind: self._hold,
            actions.ReleaseHold.kind: self._release,
            actions.EndQuarantine.kind: self._end_quarantine,
            actions.WriteSticker.kind: self._write_sticker,
            actions.RemoveSticker.kind: self._remove_sticker,
            actions.ForgetDocument.kind: self._forget,
        }

    def handles(self, action: Action) -> bool:
        """True for every Action on the history or a sticker."""
        return action.kind in self._writes

    def perform(self, action: Action, *, progress: Progress) -> Outcome:  # noqa: ARG002 (nothing here is long)
        """Carry out one Action that it handles. Never raises a ReconcilerError."""
        try:
            changed = self._writes[action.kind](action)
        except ReconcilerError as error:
            return Outcome(kind="failed", action=action, error=error)
        return Outcome(kind="done" if changed else "already", action=action)

    def write_sticker(self, desired: DesiredState) -> bool:
        """Have the sticker of the committed generation at the document's place; False when it was there.

        Raises StateError when nothing is committed, VerificationFailed when it does not stay as written.
        """
        record = self._journal.record(desired.name)
        content = seal(make_sticker(record), self._key)
        helper = helper_image(record, desired)
        if self._stickers.read(desired.sticker, helper=helper).content == content:
            return False
        self._stickers.write(desired.sticker, content, helper=helper)
        reading = self._stickers.read(desired.sticker, helper=helper)
        if reading.content != content:
            raise VerificationFailed(
                f"the sticker of {desired.name} was written, but does not read back the same"
                f"{f': {reading.problem}' if reading.problem else ''}",
                hint="look whether something else writes to the same place",
            )
        return True

    def _intent(self, action: actions.RecordIntent) -> bool:
        known = self._operation(action.document, action.generation) is not None
        self._journal.begin(
            action.desired,
            generation=action.generation,
            kind=action.operation,
            container_id=action.container_id,
            cause=action.cause,
            actor=self._actor(action.document),
        )
        return not known

    def _commit(self, action: actions.Commit) -> bool:
        before = self._operation(action.document, action.generation)
        self._journal.commit(action.document, action.generation)
        return before is None or before.state != "committed"

    def _undone(self, action: actions.RecordUndone) -> bool:
        before = self._operation(action.document, action.generation)
        self._journal.undone(action.document, action.generation)
        return before is None or before.state != "undone"

    def _heal(self, action: actions.RecordHeal) -> bool:
        self._journal.healed(action.document, cause=action.cause)
        return True

    def _hold(self, action: actions.Hold) -> bool:
        if self._journal.record(action.document).held == action.cause:
            return False
        self._journal.hold(action.document, reason=action.cause)
        return True

    def _release(self, action: actions.ReleaseHold) -> bool:
        record = self._journal.record(action.document)
        self._journal.release(action.document)
        return bool(record.held or record.heals)

    def _end_quarantine(self, action: actions.EndQuarantine) -> bool:
        something = bool(self._journal.record(action.document).quarantined)
        self._journal.end_quarantine(action.document)
        return something

    def _write_sticker(self, action: actions.WriteSticker) -> bool:
        return self.write_sticker(action.desired)

    def _remove_sticker(self, action: actions.RemoveSticker) -> bool:
        place, helper = action.desired.sticker, helper_image(self._journal.record(action.document), action.desired)
        if self._stickers.read(place, helper=helper).fact == "absent":
            return False
        self._stickers.remove(place, helper=helper)
        return True

    def _forget(self, action: actions.ForgetDocument) -> bool:
        record = self._journal.record(action.document)
        empty = Record(document=record.document, owner=record.owner, generation=record.generation)
        if record == empty:
            return False
        self._journal.forget(action.document)
        return True

    def _operation(self, document: str, generation: int) -> Operation | None:
        operations = self._journal.record(document).operations
        return next((item for item in operations if item.generation == generation), None)
