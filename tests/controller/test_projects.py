"""Compose projects through the whole controller, on a simulated host: folder, plan, Actions, verdict, wakes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.controller.controller import Controller
from reconciler.controller.readings import downtime_s
from reconciler.controller.stop import StopRequest
from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import EngineEvent
from reconciler.core.project import PROJECT_LABEL
from tests.controller.stage import Stage, quiet
from tests.simulator.behaviour import Behaviour, healthy, never_healthy


class Shop(Stage):
    """A project of a web and a db service."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.directory = folder / "deployment"
        self.db = self.publish("shop/db", healthy(0.5))

    def publish(self, repository: str, behaviour: Behaviour) -> ImageReference:
        return self.world.publish(repository, behaviour=behaviour)

    def release(self, number: int, web: ImageReference, **spec: Any) -> None:
        """Write the lock file and the document."""
        health = {"test": ["CMD", "true"], "interval": "1s"}
        services = {
            "db": {"image": str(self.db), "restart": "always", "healthcheck": health},
            "web": {
                "image": str(web),
                "restart": "always",
                "healthcheck": health,
                "depends_on": {"db": {"condition": "service_healthy"}},
            },
        }
        for name, service in services.items():
            service["labels"] = {
                "stella.component.id": name,
                "stella.digest": str(service["image"]).partition("@")[2],
            }
        lock = json.dumps({"name": "shop", "services": services}, indent=2).encode()
        (self.desired / "shop.lock.yml").write_bytes(lock)
        document = {
            "apiVersion": "stella/v1",
            "kind": "ComposeProject",
            "metadata": {"name": "shop"},
            "spec": {
                "release": {"id": f"rel-{number}", "name": f"Shop {number}"},
                "config": {
                    "projectName": "shop",
                    "deploymentDirectory": str(self.directory),
                    "composeLock": {
                        "source": "shop.lock.yml",
                        "sha256": hashlib.sha256(lock).hexdigest(),
                        "size": len(lock),
                    },
                    "expectedDigests": {"web": web.digest, "db": self.db.digest},
                },
                "sticker": {"path": str(self.folder / "stickers" / "shop.json")},
                **spec,
            },
        }
        (self.desired / "shop.yaml").write_text(yaml.safe_dump(document))
        loaded = self.catalogue.reload()
        assert not loaded.problems, loaded.problems

    def apply(self) -> str:
        (applied,) = self.service().apply(progress=quiet)
        return applied.outcome if not applied.error else f"{applied.outcome}: {applied.error}"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.history.close()


def test_a_project_is_deployed_and_then_left_alone(shop: Shop) -> None:
    shop.release(1, shop.publish("shop/web", healthy(1.0)))
    assert shop.apply() == "converged"
    shop.world.compose.runs.clear()
    shop.world.engine.calls.clear()
    assert shop.apply() == "converged"
    assert shop.world.compose.runs == []
    assert all(not call.mutating for call in shop.world.engine.calls)


def test_an_upgrade_that_does_not_get_healthy_is_taken_back_whole_and_quarantined(shop: Shop) -> None:
    good = shop.publish("shop/web", healthy(1.0))
    shop.release(1, good)
    shop.apply()
    shop.release(2, shop.publish("shop/web", never_healthy()))
    told = shop.apply()
    assert told.startswith("rolled-back: service web (shop-web-1) is not healthy: ")
    web, db = shop.world.engine.container("shop-web-1"), shop.world.engine.container("shop-db-1")
    assert (web.image_reference, web.health, db.health) == (str(good), "healthy", "healthy")
    assert len(shop.history.record("shop").quarantined) == 1
    (status,) = shop.service().status()
    assert (status.phase, status.running_release) == ("RolledBack", "rel-1")


def test_the_time_in_which_services_are_replaced_is_measured(shop: Shop) -> None:
    shop.release(1, shop.publish("shop/web", healthy(1.0)))
    (first,) = shop.reconciler().until_settled("shop", progress=lambda _: None)
    assert downtime_s(first.outcomes) is None
    shop.release(2, shop.publish("shop/web", healthy(1.0)))
    (second,) = shop.reconciler().until_settled("shop", progress=lambda _: None)
    outage = downtime_s(second.outcomes)
    assert outage is not None
    assert 6.0 <= outage < 8.0


def test_a_first_release_that_fails_is_taken_down_again(shop: Shop) -> None:
    shop.release(1, shop.publish("shop/web", never_healthy()))
    assert shop.apply().startswith("failed: service web")
    assert not shop.world.engine.host.containers


def test_a_host_without_compose_blocks_nothing_for_good(shop: Shop) -> None:
    shop.release(1, shop.publish("shop/web", healthy(1.0)))
    shop.world.compose.missing = True
    assert "no docker compose" in shop.apply()
    assert shop.history.record("shop").quarantined == {}
    assert not shop.world.engine.host.containers
    findings = {item.subject: item for item in shop.service().doctor()}
    assert findings["compose"].level == "error"
    shop.world.compose.missing = False
    shop.clock.advance(600.0)
    assert shop.apply() == "converged"
    assert {item.subject: item.level for item in shop.service().doctor()}["compose"] == "ok"


def test_a_strangers_project_of_the_same_name_is_left_alone(shop: Shop) -> None:
    labels = {PROJECT_LABEL: "shop", "com.docker.compose.project.working_dir": "/home/ana/shop"}
    theirs = shop.world.engine.by_hand.run("shop-web-1", labels=labels)
    shop.release(1, shop.publish("shop/web", healthy(1.0)))
    assert shop.apply().startswith("blocked")
    assert shop.world.compose.runs == []
    assert shop.world.engine.host.get(theirs).status == "running"


def test_a_strangers_container_keeps_a_release_from_being_taken_back_until_it_is_gone(shop: Shop) -> None:
    shop.release(1, shop.publish("shop/web", healthy(1.0)))
    shop.apply()
    shop.release(2, shop.publish("shop/web", healthy(1.0)))
    wanted = shop.catalogue.desired()["shop"]
    shop.history.begin(wanted, generation=2, kind="deploy", container_id="", cause="test", actor="test")
    labels = {PROJECT_LABEL: "shop", "com.docker.compose.project.working_dir": "/home/ana/shop"}
    shop.world.engine.by_hand.run("theirs", labels=labels)
    for _ in range(2):
        assert shop.apply().startswith("blocked: generation 2 is to be taken back, but project shop has theirs")
    (status,) = shop.service().status()
    assert status.phase == "Blocked"
    assert status.reason.startswith("generation 2 is to be taken back, but")
    shop.world.engine.by_hand.remove("theirs")
    assert shop.apply() == "converged"
    assert shop.history.record("shop").open is None


def test_what_was_stopped_by_hand_is_started_without_compose(shop: Shop) -> None:
    shop.release(1, shop.publish("shop/web", healthy(1.0)))
    shop.apply()
    shop.world.compose.runs.clear()
    shop.world.engine.by_hand.stop("shop-web-1")
    assert shop.apply() == "converged"
    assert shop.world.engine.container("shop-web-1").status == "running"
    assert shop.world.compose.runs == []


# Wakes.


def played(shop: Shop, story: Callable[[Controller], Awaitable[None]]) -> None:
    async def play() -> None:
        with StopRequest() as stop:
            await story(shop.controller(stop))

    asyncio.run(play())


@pytest.mark.parametrize(
    ("name", "labels", "wakes"),
    [
        ("shop-web-1", {"stella.document": "shop"}, True),
        ("byhand", {PROJECT_LABEL: "shop"}, True),
        ("shop-web-1", {}, True),
        ("byhand", {PROJECT_LABEL: "other"}, False),
        ("", {}, False),
    ],
)
def test_an_event_wakes_the_document_whose_project_it_concerns(
    shop: Shop, name: str, labels: dict[str, str], wakes: bool
) -> None:
    shop.release(1, shop.publish("shop/web", healthy(1.0)))

    async def story(controller: Controller) -> None:
        controller.on_event(EngineEvent("x", name, "die", 1, labels))
        assert controller.queue.stats().depth == int(wakes)

    played(shop, story)
