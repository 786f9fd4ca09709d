"""The ground that suites stand on: private engines, a registry, images, and documents that a controller keeps.

Everything is made when it is first asked for and removed at the end. The peers have an engine of their own, so
that nobody lists the containers of others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from bench.model import Sample
from bench.programs import ROOT, Programs
from bench.raw import Raw
from bench.turns import Turn, in_turns
from reconciler.config import Settings, load_settings
from reconciler.controller.app import Parts, open_parts, open_service
from reconciler.controller.app.actors import file_actor
from tests.parts.engine import PrivateEngine
from tests.parts.folder import PrivateFolder
from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import PLAIN, WEB_PORT, web

WORKERS: Final = 8
SLOW: Final = {"ansible-playbook": 2, "swarm, restart delay 5s (default)": 2}
"""Contestants that take seconds, with the samples that are enough of them."""


@dataclass(kw_only=True)
class Ground:
    """``thorough``: the long forms, too. ``quick``: one round of everything, to see that it works. ``tell`` hears
    what is being measured, "" for nothing yet.
    """

    thorough: bool = False
    quick: bool = False
    tell: Callable[[str], None] = lambda _name: None
    stack: ExitStack = field(default_factory=ExitStack)

    def rounds(self, usual: int) -> int:
        """How often something is repeated."""
        return 1 if self.quick else usual * (3 if self.thorough else 1)

    def turns(self, turns: Mapping[str, Turn], *, rounds: int, warm_up: int = 1) -> dict[str, tuple[Sample, ...]]:
        """The samples of contestants that take turns, as many rounds as are usual; of slow ones fewer."""
        at_most = {name: self.rounds(count) for name, count in SLOW.items() if name in turns}
        return in_turns(turns, rounds=self.rounds(rounds), warm_up=warm_up, at_most=at_most, tell=self.tell)

    @cached_property
    def programs(self) -> Programs:
        return self.stack.enter_context(Programs())

    @cached_property
    def folder(self) -> Path:
        place = PrivateFolder()
        self.stack.callback(place.remove)
        return place.path

    @cached_property
    def engine(self) -> PrivateEngine:
        return self.stack.enter_context(PrivateEngine())

    @cached_property
    def peers_engine(self) -> PrivateEngine:
        return self.stack.enter_context(PrivateEngine())

    @cached_property
    def registry(self) -> PrivateRegistry:
        return self.stack.enter_context(PrivateRegistry())

    @cached_property
    def plain(self) -> PublishedImage:
        """An image that sleeps and ends at once when it is told to."""
        return publish(self.registry.address, "bench-plain", "v1", PLAIN)

    def web(self, release: str) -> PublishedImage:
        """A web app whose page tells the release, without a health check of its own."""
        recipe = web(release)
        config = {key: value for key, value in recipe.config.items() if key != "Healthcheck"}
        return publish(self.registry.address, "bench-web", release, Recipe(config=config, files=recipe.files))

    def raw(self, engine: PrivateEngine | None = None) -> Raw:
        """A floor's client, closed at the end."""
        made = Raw(str((engine or self.engine).socket))
        self.stack.callback(made.close)
        return made

    def have(self, image: PublishedImage, *engines: PrivateEngine) -> None:
        """Pull the image onto the engines."""
        for engine in engines or (self.engine,):
            self.raw(engine).pull(image.repository, image.digest)

    def wishes(self, name: str) -> Wishes:
        """A new, empty folder of documents with a controller's state."""
        made = Wishes(folder=self.folder / name, engine=self.engine.url)
        made.desired.mkdir(parents=True)
        return made

    @cached_property
    def fleet(self) -> Fleet:
        """Documents whose containers run, as many as are asked for."""
        self.have(self.plain)
        return Fleet(wishes=self.wishes("fleet"), image=self.plain)

    def close(self) -> None:
        self.stack.close()


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """One folder of documents and the state of one controller."""

    folder: Path
    engine: str

    @property
    def desired(self) -> Path:
        return self.folder / "desired"

    @property
    def environment(self) -> dict[str, str]:
        """The settings, for a program."""
        return {
            "RECONCILER_ENGINE": self.engine,
            "RECONCILER_DESIRED": str(self.desired),
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_POLICY": str(self.policy),
            "RECONCILER_SECRETS_DIR": str(self.folder / "secrets"),
            "RECONCILER_LISTEN": "127.0.0.1:0",
            "RECONCILER_WORKERS": str(WORKERS),
            "RECONCILER_RESYNC": "30",
        }

    @property
    def policy(self) -> Path:
        path = self.folder / "policy.yaml"
        if not path.exists():
            path.write_text(yaml.safe_dump({"version": 1, "deploymentPaths": [str(self.folder)]}))
            path.chmod(0o600)
        return path

    @property
    def settings(self) -> Settings:
        environment = {**os.environ, **self.environment}
        return load_settings({}, environment=environment, folder=self.folder, file=None, root=True)

    def write(self, name: str, image: PublishedImage, release: str = "1", **spec: Any) -> None:
        """Put a document in its place in one step."""
        draft = self.folder / "draft"
        draft.write_text(yaml.safe_dump(self.document(name, image, release, **spec), sort_keys=False))
        draft.replace(self.desired / f"{name}.yaml")

    def document(self, name: str, image: PublishedImage, release: str = "1", **spec: Any) -> dict[str, Any]:
        """Without a health check and without a time to prove itself: what others do not wait for either."""
        config = {"environment": {"GREETING": "hello", "RELEASE": release}, "memoryLimit": "64Mi"}
        spec = {"strategy": {"minHealthy": "0s"}, **spec}
        return {
            "apiVersion": "stella/v1",
            "kind": "Container",
            "metadata": {"name": name},
            "spec": {
                "release": {"id": release},
                "image": image.repository,
                "digest": image.digest,
                "sticker": {"path": str(self.folder / "stickers" / f"{name}.json")},
                **spec,
                "config": {**config, **spec.get("config", {})},
            },
        }

    def apply(self) -> None:
        """Converge all documents, as the command does. Raises RuntimeError for one that is not."""
        with open_service(self.settings, exclusive=True) as service:
            for applied in service.apply(progress=lambda _document, _line: None):
                if applied.outcome != "converged":
                    raise RuntimeError(f"{applied} is not converged")

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        """The controller's parts, as one process keeps them."""
        with open_parts(self.settings, exclusive=True, actor=file_actor) as opened:
            yield opened


@dataclass(kw_only=True)
class Fleet:
    """Grows: every document's container runs before it is handed out."""

    wishes: Wishes
    image: PublishedImage
    size: int = 0

    def grown(self, size: int) -> Wishes:
        """At least that many documents, converged. Without a network: the engines' bridges take 250."""
        for number in range(self.size, size):
            self.wishes.write(
                f"web-{number}", self.image, config={"labels": {"tier": "web"}, "networks": ["none"]}
            )
        if size > self.size:
            self.wishes.apply()
            self.size = size
        return self.wishes


def peers_environment(engine: PrivateEngine) -> Mapping[str, str]:
    """What the docker command and its plugins need to find an engine."""
    return {"DOCKER_HOST": engine.url, "HOME": str(ROOT / ".work")}


__all__ = ["WEB_PORT", "WORKERS", "Fleet", "Ground", "Wishes", "peers_environment"]
