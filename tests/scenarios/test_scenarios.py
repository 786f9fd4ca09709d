"""Scenarios: a host's story in a YAML file, and the plan that must come of it, word for word.

A case has ``images`` (name -> behaviour), ``steps`` and the expected ``plan``. Steps: ``want`` (write a document:
``release`` names an image, other keys are its ``spec``), ``settle`` (pass after pass; the expected verdict),
``by hand`` (a method of the simulator's ByHand with its arguments), ``one pass`` (a document), ``advance``
(seconds), ``registry`` (reachable or not), ``delete`` (a document's file), ``reboot`` (the machine: what lies in
memory is gone), ``altered`` (a person changes what was delivered), ``identity`` (there or lost). ``secrets`` of a
wish have a word each in the place of their ciphertexts.

RECONCILER_REGENERATE=1 writes the plans anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core.desired import DesiredState, ImageReference
from reconciler.core.plan_text import render
from reconciler.spec.build import build
from tests.simulator import behaviour as behaviours
from tests.simulator.player import Player
from tests.simulator.world import World
from tests.spec.test_build_deliveries import sealed

CASES = sorted(Path(__file__).parent.glob("*.yaml"))
MARK = "plan: |\n"


class Scenario:
    """One case, played on a simulated world."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.world = World()
        self.player = Player(self.world)
        self.images = {name: self._publish(kind) for name, kind in case.get("images", {}).items()}
        for step in case["steps"]:
            ((verb, argument),) = step.items()
            self._verb(verb)(argument)

    def plan(self) -> str:
        """The plans of all documents, with image names in the place of digests."""
        names = sorted({*self.player.documents, *self.world.journal.records()})
        text = render([self.player.plan(name) for name in names])
        for name, image in self.images.items():
            text = text.replace(image.digest, name).replace(image.digest.removeprefix("sha256:")[:12], name)
        return text

    def _publish(self, kind: str) -> ImageReference:
        word, *numbers = str(kind).split()
        made: Callable[..., behaviours.Behaviour] = getattr(behaviours, word)
        return self.world.publish("shop/web", behaviour=made(*(int(number) for number in numbers)))

    def _verb(self, verb: str) -> Callable[[Any], None]:
        return getattr(self, "do_" + verb.replace(" ", "_"))  # type: ignore[no-any-return]

    def do_want(self, wishes: dict[str, dict[str, Any]]) -> None:
        self.player.want(*(self._document(name, dict(wish)) for name, wish in wishes.items()))

    def do_delete(self, name: str) -> None:
        del self.player.documents[name]

    def do_settle(self, verdicts: dict[str, str]) -> None:
        for name, expected in verdicts.items():
            assert self.player.settle(name).kind == expected

    def do_advance(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    def do_registry(self, word: str) -> None:
        self.world.registry.reachable = word == "reachable"

    def do_by_hand(self, words: list[Any]) -> None:
        method, *arguments = words
        named = arguments.pop() if isinstance(arguments[-1], dict) else {}
        if "image" in named:
            named["image"] = self.images[named["image"]]
        getattr(self.world.engine.by_hand, method)(*arguments, **named)

    def do_reboot(self, _: None) -> None:
        self.world.reboot()

    def do_altered(self, name: str) -> None:
        (path,) = (path for path in self.world.deliveries.files if path.endswith(f"/{name}"))
        self.world.deliveries.alter(path)

    def do_identity(self, word: str) -> None:
        self.world.deliveries.lost = "" if word == "there" else "no identity of this host fits"

    def do_one_pass(self, name: str) -> None:
        self.player.one_pass(name)

    def _document(self, name: str, wish: dict[str, Any]) -> DesiredState:
        release = wish.pop("release")
        image = self.images[release]
        for item in wish.get("config", {}).get("secrets", ()):
            item["encrypted"] = sealed(item["encrypted"])
        spec = {
            "release": {"id": release, "name": f"{name} {release}"},
            "image": image.repository,
            "digest": image.digest,
            **wish,
        }
        return build({"apiVersion": "stella/v1", "kind": "Container", "metadata": {"name": name}, "spec": spec})


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_the_plan_reads_as_written(path: Path) -> None:
    text = path.read_text()
    case = yaml.safe_load(text)
    found = Scenario(case).plan()
    if os.environ.get("RECONCILER_REGENERATE"):
        head = text.partition(MARK)[0]
        path.write_text(head + MARK + "".join(f"  {line}".rstrip() + "\n" for line in found.splitlines()))
    assert found == case["plan"]
