"""Actions on the history and the sticker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.action.base import RecordAction, Sign
from reconciler.core.desired import DesiredState
from reconciler.core.record import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationAction(RecordAction):
    """Base of what is journalled about one generation."""

    generation: int

    @property
    def target(self) -> str:
        return f"{self.document} generation {self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StickerAction(RecordAction):
    """Base of what is done to one document's sticker."""

    desired: DesiredState

    @property
    def target(self) -> str:
        place = self.desired.sticker
        return f"{place.volume}:{place.path}" if place.location == "volume" else place.path


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIntent(GenerationAction):
    """Journal that a generation begins. ``container_id`` names a container that is used again or adopted."""

    kind: ClassVar[str] = "record-intent"
    operation: OperationKind
    desired: DesiredState
    container_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(GenerationAction):
    """Journal that the generation is what runs: the only commit point."""

    kind: ClassVar[str] = "commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUndone(GenerationAction):
    """Journal that the generation was taken back."""

    kind: ClassVar[str] = "record-undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHeal(RecordAction):
    """Count a heal for the restart-storm guard."""

    kind: ClassVar[str] = "record-heal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(RecordAction):
    """Stop healing a document that keeps failing, until it is stable or cleared."""

    kind: ClassVar[str] = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold(RecordAction):
    """End a hold: the container has been stable, or the document changed."""

    kind: ClassVar[str] = "release-hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndQuarantine(RecordAction):
    """Forget failed releases: the document changed, so that they may be tried again one day."""

    kind: ClassVar[str] = "end-quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSticker(StickerAction):
    """Write the sticker of the committed generation, derived from the history."""

    kind: ClassVar[str] = "write-sticker"
    sign: ClassVar[Sign] = "~"
    optional: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSticker(StickerAction):
    """Remove the sticker of a document that was pruned."""

    kind: ClassVar[str] = "remove-sticker"
    sign: ClassVar[Sign] = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetDocument(RecordAction):
    """Journal that a document was pruned: nothing of it runs any more."""

    kind: ClassVar[str] = "forget-document"
    sign: ClassVar[Sign] = "-"
