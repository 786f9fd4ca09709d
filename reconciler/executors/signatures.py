"""Carries out the check of signatures. What counts is decided by who implements ``Signatures``."""

from __future__ import annotations

from reconciler.core.action import Action, VerifySignature
from reconciler.core.interfaces import Engine, Progress, Signatures
from reconciler.core.outcome import Outcome
from reconciler.errors import ReconcilerError


class SignatureExecutor:
    """The executor of ``VerifySignature``."""

    def __init__(self, engine: Engine, signatures: Signatures) -> None:
        self._engine = engine
        self._signatures = signatures

    def handles(self, action: Action) -> bool:
        """Only this one."""
        return isinstance(action, VerifySignature)

    def perform(self, action: Action, *, progress: Progress) -> Outcome:  # noqa: ARG002  (nothing takes long)
        """Who signed it is the outcome's detail."""
        assert isinstance(action, VerifySignature)  # noqa: S101  (the only one that is handled)
        try:
            facts = self._engine.inspect_image(str(action.image))
            engine = self._engine.known_facts()
            signer = self._signatures.check(action.image, action.rule, facts=facts, engine=engine)
        except ReconcilerError as error:
            return Outcome(kind="failed", action=action, error=error)
        return Outcome(kind="done", action=action, detail=signer)
