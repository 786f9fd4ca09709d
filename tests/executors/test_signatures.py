"""The check of a signature as an Action."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.action import VerifyImage, VerifySignature
from reconciler.core.image import ImageReference
from reconciler.core.observation import EngineFacts, ImageFacts
from reconciler.core.signing import PublicKey, SignatureRule
from reconciler.errors import SignatureRefused
from reconciler.executors.signatures import SignatureExecutor
from tests.simulator.world import World

RULE = SignatureRule(prefix="shop/", keys=(PublicKey("/etc/k.pub"),))


@dataclass
class Checked:
    """Says yes to ``signed``, and remembers what it was told of the host."""

    signed: ImageReference
    told: list[ImageFacts | None] = field(default_factory=list)

    def check(
        self, image: ImageReference, rule: SignatureRule, *, facts: ImageFacts | None, engine: EngineFacts
    ) -> str:
        self.told.append(facts)
        if image != self.signed:
            raise SignatureRefused(f"{image} is not signed as {rule.prefix} wants it")
        return f"signed by {rule.keys[0]}"


def test_who_signed_is_told_and_a_refusal_is_an_outcome() -> None:
    world = World()
    good, other = world.publish("shop/web"), world.publish("shop/api")
    world.engine.pull(good, deadline_s=1.0, progress=lambda _: None)
    checked = Checked(good)
    executor = SignatureExecutor(world.engine, checked)
    action = VerifySignature(document="web", cause="the policy wants it", image=good, rule=RULE)
    assert executor.handles(action)
    assert not executor.handles(VerifyImage(document="web", cause="", image=good))
    done = executor.perform(action, progress=lambda _: None)
    assert (done.kind, done.detail) == ("done", "signed by /etc/k.pub")
    refused = executor.perform(
        VerifySignature(document="web", cause="the policy wants it", image=other, rule=RULE),
        progress=lambda _: None,
    )
    assert refused.kind == "failed"
    assert isinstance(refused.error, SignatureRefused)
    assert [facts is not None for facts in checked.told] == [True, False]
