"""The Actions by which signatures are part of a plan, and what is told of images that may be without. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.core.action.signature import VerifySignature
from reconciler.core.image import ImageReference
from reconciler.core.record import Allowance, Event
from reconciler.core.signing import SignatureRule, rule_for
from reconciler.core.situation import Situation

ALLOWED = "allow-unsigned"
REVOKED = "revoke-unsigned"
"""Events of an operator's exception, as ``why`` shows them."""


def signature_actions(situation: Situation, images: Iterable[ImageReference]) -> Iterator[VerifySignature]:
    """Have the signatures checked of those images that need one."""
    for image in images:
        rule = rule_for(image.repository, situation.signatures)
        if rule is not None and _allowance(situation, image) is None:
            yield VerifySignature(document=situation.desired.name, cause=_cause(rule), image=image, rule=rule)


def unsigned_notes(situation: Situation) -> tuple[str, ...]:
    """What is to be known of images that the host wants signed and that an operator let in as they are."""
    desired = situation.wanted or situation.desired
    return tuple(
        f"{image.short} needs no signature: allowed by {allowance.actor}: {allowance.reason}"
        for image in (*desired.images, *desired.hook_images)
        if rule_for(image.repository, situation.signatures) is not None
        and (allowance := _allowance(situation, image)) is not None
    )


def revoked_note(events: Sequence[Event]) -> str:
    """What is to be known after an exception was ended and before a signature is checked again; "" for nothing.
    ``events`` of one document, oldest first.
    """
    said = [event for event in events if event.action in {REVOKED, ALLOWED, VerifySignature.kind}]
    if not said or said[-1].action != REVOKED:
        return ""
    return f"needs its signature again, says {said[-1].actor}: what runs goes on, a deploy without it is refused"


def _allowance(situation: Situation, image: ImageReference) -> Allowance | None:
    return next((item for item in situation.record.allowances if item.image == str(image)), None)


def _cause(rule: SignatureRule) -> str:
    return f"the host's policy wants images of {rule.prefix} signed"
