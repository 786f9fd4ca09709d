"""A controller on a simulated engine on which everything is as wished: for what does not depend on a real one.

The history and the stickers are real. What a deploy would have recorded is recorded here in one step for each
document, since thousands of deploys would take minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from reconciler.controller.assess import Assessor
from reconciler.controller.catalogue import Catalogue
from reconciler.controller.settled import Settled, grounds
from reconciler.core import names
from reconciler.core.desired import DesiredState
from reconciler.core.effective import creation_config
from reconciler.core.policy import Policy
from reconciler.core.row_index import RowIndex
from reconciler.core.situation import Situation
from reconciler.core.sticker import make_sticker, seal
from reconciler.core.subject import subject
from reconciler.engine.observe import Observer
from reconciler.history import History
from reconciler.sources.files import FolderSource
from reconciler.spec.build import build
from reconciler.sticker_store import StickerStore
from tests.simulator.clock import SimulatedClock
from tests.simulator.engine import SimulatedEngine
from tests.simulator.registry import DEFAULT_FACTS, SimulatedRegistry

KEY = b"k" * 32
SHARED = Path("/dev/shm")  # noqa: S108  (for a folder of our own in it)


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder, where the machine has it on no disk: thousands of records need not wait for one to be measured."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=SHARED if SHARED.is_dir() else None) as folder:
        yield Path(folder)


class Calm(SimulatedEngine):
    """Its containers run and do nothing more: nobody has to look at each of them whether something fell due."""

    def settle(self) -> None:
        """Nothing ever falls due."""


class World:
    """``size`` documents, each with a container that runs. Nothing has been looked at yet."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.registry, clock = folder, SimulatedRegistry(), SimulatedClock()
        self.engine = Calm(clock=clock, registry=self.registry)
        self.desired = folder / "desired"
        self.desired.mkdir(parents=True)
        self.history = History.open(folder / "history.db", clock=clock.time, rebuild=build)
        self.stickers = StickerStore(None)
        self._write(size)
        self.catalogue = Catalogue(FolderSource(self.desired, clock=lambda: 1e12), self.history)
        self.catalogue.reload()
        self.observer = Observer(self.engine, self.stickers, full_every_s=600.0, clock=clock.monotonic)
        self.assessor = Assessor(
            catalogue=self.catalogue,
            observer=self.observer,
            journal=self.history,
            key=KEY,
            clock=clock.time,
            policy=lambda: Policy(deployment_paths=(str(folder),)),
        )
        for desired in self.catalogue.desired().values():
            self._deployed(desired)

    def assess_quietly(self) -> None:
        """A look at everything. Raises RuntimeError where there is something to do."""
        loud = [item.plan for item in self.assessor.assess() if not item.plan.quiet]
        if loud:
            raise RuntimeError(f"there is something to do: {loud[0]}")

    def close(self) -> None:
        self.history.close()

    def decisions(self) -> Callable[[], list[object]]:
        """What a look does to decide about every document, once it has seen the host: compare what each decision
        rests on.
        """
        found = [item.situation for item in self.assessor.assess()]
        subjects = [subject(item.desired, item.record) for item in found]
        rows, settled = RowIndex(self.engine.list_containers()), Settled()
        for situation, one, plan in zip(found, subjects, self.assessor.assess(), strict=True):
            settled.decided(grounds(_seen(situation, rows), one, rows), plan.plan)
        return lambda: [
            settled.plan(one.name, grounds(situation, one, rows))
            for situation, one in zip(found, subjects, strict=True)
        ]

    def _write(self, size: int) -> None:
        image = self.registry.publish("shop/web", DEFAULT_FACTS)
        self.engine.pull(image, deadline_s=60, progress=lambda _line: None)
        for number in range(size):
            name = f"web-{number}"
            document = {
                "apiVersion": "stella/v1",
                "kind": "Container",
                "metadata": {"name": name},
                "spec": {
                    "release": {"id": "1"},
                    "image": image.repository,
                    "digest": image.digest,
                    "strategy": {"minHealthy": "0s"},
                    "sticker": {"path": str(self.folder / "stickers" / name / "version.json")},
                    "config": {"environment": {"GREETING": "hello"}, "memoryLimit": "64Mi"},
                },
            }
            (self.desired / f"{name}.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper))

    def _deployed(self, desired: DesiredState) -> None:
        name, history = desired.name, self.history
        labels = names.ownership_labels(desired, owner=history.owner, generation=1)
        config = creation_config(desired.config)
        container = self.engine.create(desired.container_name, image=desired.image, config=config, labels=labels)
        self.engine.start(container)
        facts = self.engine.inspect_image(str(desired.image))
        history.verified(name, desired.fingerprint, image_id=facts.id if facts else "")
        history.begin(desired, generation=1, kind="deploy", container_id=container, cause="bench", actor="bench")
        history.commit(name, 1)
        content = seal(make_sticker(history.record(name)), KEY)
        self.stickers.write(desired.sticker, content, helper="")


def _seen(situation: Situation, rows: RowIndex) -> Situation:
    """The same situation, of the rows that were just listed."""
    own = tuple(rows.of(subject(situation.desired, situation.record)))
    return replace(situation, observation=replace(situation.observation, containers=own))
