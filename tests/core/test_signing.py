"""Signatures in plans: which images need one, when it is checked, and what an exception is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.core.action import Action, RecordIntent, VerifyImage, VerifySignature
from reconciler.core.hook import Hook
from reconciler.core.image import ImageReference
from reconciler.core.judge import judge
from reconciler.core.planning import make_plan
from reconciler.core.record import Allowance
from reconciler.core.signing import PublicKey, SignatureRule, rule_for
from reconciler.core.situation import Situation
from tests.simulator.player import Player
from tests.simulator.world import World


def rule(prefix: str) -> SignatureRule:
    return SignatureRule(prefix=prefix, keys=(PublicKey("/etc/k.pub"),))


RULES = (rule("shop/"), rule("shop/web"))


def allowed(image: ImageReference) -> Allowance:
    return Allowance(image=str(image), actor="user:ana", reason="checked by hand")


@pytest.fixture
def world() -> World:
    return World()


def asked(situation: Situation, *allowances: Allowance, rules: tuple[SignatureRule, ...] = RULES) -> Situation:
    record = replace(situation.record, allowances=allowances)
    return replace(situation, signatures=rules, record=record)


def checks(actions: tuple[Action, ...]) -> Iterator[tuple[ImageReference, str]]:
    return ((item.image, item.rule.prefix) for item in actions if isinstance(item, VerifySignature))


@pytest.mark.parametrize(
    ("repository", "prefix"),
    [
        ("registry.example.com/shop/api", "registry.example.com/shop"),
        ("registry.example.com/shop/web", "registry.example.com/*/web"),
        ("registry.example.com/shop", "registry.example.com/shop"),
        ("registry.example.com/shopping", "registry.example.com"),
        ("registry.example.com/tools/web", "registry.example.com/*/web"),
        ("other.example.com/web", "*"),
        ("busybox", "docker.io/library"),
        ("index.docker.io/library/busybox", "docker.io/library"),
    ],
)
def test_the_rule_that_says_most_about_a_repository_holds(repository: str, prefix: str) -> None:
    prefixes = (
        "*",
        "registry.example.com",
        "registry.example.com/shop",
        "registry.example.com/*/web",
        "docker.io/library",
    )
    found = rule_for(repository, map(rule, prefixes))
    assert found is not None
    assert found.prefix == prefix


def test_of_equally_long_rules_the_one_that_names_more_holds() -> None:
    for rules in ((rule("*/web"), rule("r.example/web")), (rule("r.example/web"), rule("*/web"))):
        found = rule_for("r.example/web", rules)
        assert found is not None
        assert found.prefix == "r.example/web"
    assert rule_for("r.example/web", (rule("r.example/api"),)) is None


def test_a_signature_is_checked_after_the_image_and_before_anything_is_begun(world: World) -> None:
    desired = world.desired()
    player = Player(world, desired)
    actions = make_plan(asked(player.situation("web"))).actions
    kinds = [type(item) for item in actions]
    assert list(checks(actions)) == [(desired.image, "shop/web")]
    assert kinds.index(VerifyImage) < kinds.index(VerifySignature) < kinds.index(RecordIntent)
    (check,) = (item for item in actions if isinstance(item, VerifySignature))
    assert check.target == str(desired.image)
    assert not list(checks(make_plan(asked(player.situation("web"), rules=(rule("other"),))).actions))


def test_images_of_hooks_are_checked_too(world: World) -> None:
    image = world.publish("shop/migrate")
    desired = world.desired(hooks=(Hook(name="preDeploy", image=image, command=("x",)),))
    actions = make_plan(asked(Player(world, desired).situation("web"))).actions
    assert list(checks(actions)) == [(desired.image, "shop/web"), (image, "shop/")]


def test_a_lost_container_is_made_anew_only_of_a_signed_image(world: World) -> None:
    desired = world.desired()
    player = Player(world, desired)
    assert player.settle().kind == "converged"
    assert not list(checks(make_plan(asked(player.situation("web"))).actions))
    (row,) = world.engine.list_containers()
    world.engine.stop(row.id, timeout_s=0)
    world.engine.remove(row.id, volumes=False)
    plan = make_plan(asked(player.situation("web")))
    assert plan.purpose == "heal"
    assert list(checks(plan.actions)) == [(desired.image, "shop/web")]


def test_an_exception_is_for_its_digest_and_told(world: World) -> None:
    desired = world.desired()
    player = Player(world, desired)
    situation = asked(player.situation("web"), allowed(desired.image))
    plan = make_plan(situation)
    assert not list(checks(plan.actions))
    note = f"{desired.image.short} needs no signature: allowed by user:ana: checked by hand"
    assert plan.notes == (note,)
    assert note in judge(situation, plan).reason
    assert make_plan(asked(player.situation("web"), allowed(desired.image), rules=())).notes == ()
    yesterday = allowed(world.publish("shop/web"))
    plan = make_plan(asked(player.situation("web"), yesterday))
    assert list(checks(plan.actions)) == [(desired.image, "shop/web")]
    assert plan.notes == ()


def test_a_rule_and_a_key_can_be_read_aloud() -> None:
    key = PublicKey("/etc/k.pub", "a" * 64, b"pem")
    assert str(key) == "/etc/k.pub (SHA256:aaaaaaaaaaaa)"
    assert "pem" not in repr(key)
    made = SignatureRule(prefix="shop", keys=(key, PublicKey("/b.pub")), offline="/srv/s")
    assert str(made) == "shop by /etc/k.pub (SHA256:aaaaaaaaaaaa) or /b.pub, offline /srv/s"
