"""Actions: every way in which the reconciler changes the world, each with a target and a cause.

An Action says what is to be so, not how; carrying it out twice is the same as once. Which executor carries
it out is told by its family: ``EngineAction`` acts on the Docker host, ``RecordAction`` on the history and
the sticker.
"""

from __future__ import annotations

from reconciler.core.action.base import (
    Action,
    ContainerRef,
    EngineAction,
    RecordAction,
    Sign,
)
from reconciler.core.action.engine import (
    ConnectNetwork,
    ContainerAction,
    CreateContainer,
    CreateNetwork,
    DisconnectNetwork,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RenameContainer,
    SetRestartPolicy,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    UpdateLimits,
    VerifyImage,
    WaitHealthy,
)
from reconciler.core.action.record import (
    Commit,
    EndQuarantine,
    ForgetDocument,
    GenerationAction,
    Hold,
    RecordHeal,
    RecordIntent,
    RecordUndone,
    ReleaseHold,
    RemoveSticker,
    StickerAction,
    WriteSticker,
)

__all__ = [
    "Action",
    "Commit",
    "ConnectNetwork",
    "ContainerAction",
    "ContainerRef",
    "CreateContainer",
    "CreateNetwork",
    "DisconnectNetwork",
    "EndQuarantine",
    "EngineAction",
    "ForgetDocument",
    "GenerationAction",
    "Hold",
    "PullImage",
    "RecordAction",
    "RecordHeal",
    "RecordIntent",
    "RecordUndone",
    "ReleaseHold",
    "RemoveContainer",
    "RemoveImage",
    "RemoveSticker",
    "RenameContainer",
    "SetRestartPolicy",
    "Sign",
    "StartContainer",
    "StickerAction",
    "StopContainer",
    "UnpauseContainer",
    "UpdateLimits",
    "VerifyImage",
    "WaitHealthy",
    "WriteSticker",
]
