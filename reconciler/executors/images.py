"""Actions on images: pull, verify, remove.

Whether an image is right is decided in ``image_check``; here the engine and the history are asked and told.
"""

from __future__ import annotations

from reconciler.core.action import PullImage, RemoveImage, VerifyImage
from reconciler.core.interfaces import Engine, Journal, Progress
from reconciler.core.outcome import Outcome
from reconciler.executors import image_check


class ImageActions:
    """Methods raise what the engine and the history raise."""

    def __init__(self, engine: Engine, journal: Journal, *, pull_deadline_s: float) -> None:
        self._engine = engine
        self._journal = journal
        self._pull_deadline_s = pull_deadline_s

    def pull(self, action: PullImage, progress: Progress) -> Outcome:
        """Pull unless exactly this repository and digest is on the host."""
        if image_check.present(action.image, self._engine.inspect_image(str(action.image))):
            return Outcome(kind="already", action=action)
        self._engine.pull(action.image, deadline_s=self._pull_deadline_s, progress=progress)
        return Outcome(kind="done", action=action)

    def verify(self, action: VerifyImage, _progress: Progress) -> Outcome:
        """Raises VerificationFailed and PlatformMismatch. Notes the image id in the history."""
        found = self._engine.inspect_image(str(action.image))
        engine = self._engine.known_facts()
        verified = image_check.verify(action.image, found, image_id=action.image_id, engine=engine)
        if action.fingerprint:
            self._journal.verified(action.document, action.fingerprint, image_id=verified.id)
        return Outcome(kind="done", action=action, image_id=verified.id)

    def remove(self, action: RemoveImage, _progress: Progress) -> Outcome:
        """An image that something still uses is kept, and that is no failure: it is tried again later."""
        reference = str(action.image)
        removed = self._engine.remove_image(reference)
        # Also when something of others keeps it: it is theirs then, and asking in every pass would not be quiet.
        if action.fingerprint:
            self._journal.image_collected(action.document, action.fingerprint)
        if not removed and self._engine.inspect_image(reference) is not None:
            return Outcome(kind="already", action=action, detail="kept: still in use")
        return Outcome(kind="done" if removed else "already", action=action)
