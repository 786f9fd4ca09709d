"""The example of a migration, with a real PostgreSQL: told once, from the first release to the way back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import yaml

from tests.e2e.documents import Spec, merged
from tests.e2e.stage import SOURCES, Stage, fetch
from tests.parts.images import PublishedImage, publish
from tests.parts.postgres_image import client_recipe, publish_database

pytestmark = pytest.mark.engine

EXAMPLE = SOURCES / "examples" / "06-migration"
IMAGE = EXAMPLE / "image"
ADDED = ("shop/check", "shop/migrate", "shop/serve", "shop/www/cgi-bin/customers")
FAILS = "ALTER TABLE customers ADD COLUMN phone text;\nSELECT 1 / 0;\n"


class Shop:
    """The example on a stage: names with its prefix, images that are really there, a password of its own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.password = f"password-{uuid.uuid4().hex}"
        self._address = stage.images.plain.repository.partition("/")[0]
        self._database = publish_database(self._address)
        self._sealed = stage.sealed(self.password)
        stage.permit(hookNetworks=[f"{stage.prefix}-network"])

    def image(self, version: str, shown: str, migrations: dict[str, str]) -> PublishedImage:
        """The example's image at one release."""
        files = {name: (EXAMPLE / name.replace("shop/", "image/", 1)).read_text() for name in ADDED}
        files |= {f"shop/migrations/{name}.sql": text for name, text in migrations.items()}
        config = {"Cmd": ["/shop/serve"], "Env": [*client_recipe({}, {}).config["Env"], f"COLUMNS_SHOWN={shown}"]}
        return publish(self._address, "shop", version, client_recipe(config, files))

    def documents(self, release: str, image: PublishedImage) -> tuple[Spec, Spec]:
        """Database and shop as the example writes them, the shop at this release."""
        port = {"ports": [f"127.0.0.1:{self.stage.port}:8080"], "stopTimeout": "3s"}
        return self._document("database.yaml", self._database), self._document(
            "shop.yaml", image, {"release": {"id": release}, "config": port, "strategy": {"minHealthy": "100ms"}}
        )

    def _document(self, file: str, image: PublishedImage, over: Spec | None = None) -> Spec:
        text = (EXAMPLE / file).read_text().replace("shop-", f"{self.stage.prefix}-")
        found: Spec = yaml.safe_load(text)
        name = found["metadata"]["name"].replace("shop", self.stage.name)
        found["metadata"]["name"] = name
        for secret in found["spec"]["config"]["secrets"]:
            secret["encrypted"] = self._sealed
        own = {
            "image": image.repository,
            "digest": image.digest,
            "sticker": {"path": str(self.stage.sticker(name))},
        }
        found["spec"] = merged(found["spec"], merged(own, over or {}))
        return found

    def customers(self) -> str:
        return fetch(f"http://127.0.0.1:{self.stage.port}/cgi-bin/customers").strip()

    def told(self) -> list[dict[str, Any]]:
        """What ``why`` tells of the shop's hooks."""
        events = self.stage.json("why", self.stage.name)["events"]
        return [event for event in events if event["action"] == "run-hook"]


@pytest.fixture
def shop(stage: Stage) -> Shop:
    return Shop(stage)


@pytest.mark.thorough
def test_releases_bring_their_migrations_and_go_back_without_one(shop: Shop) -> None:
    stage = shop.stage
    first, second = ((IMAGE / "migrations" / name).read_text() for name in ("001-customers.sql", "002-email.sql"))
    one = shop.image("1.0", "name", {"001-customers": first})
    two = shop.image("1.1", "name, email", {"001-customers": first, "002-email": second})
    bad = shop.image("1.2", "phone", {"001-customers": first, "002-email": second, "003-phone": FAILS})

    stage.write(*shop.documents("1.0", one))
    stage.apply()
    assert shop.customers() == "Ada\nGrace"
    stage.write(*shop.documents("1.1", two))
    stage.apply()
    assert shop.customers() == "Ada|unknown\nGrace|unknown"
    assert [event["detail"] for event in shop.told()] == ["applied 001-customers", "applied 002-email"]

    before = stage.identity()
    stage.write(*shop.documents("1.2", bad))
    done = stage.apply(expect=3)
    assert "division by zero" in done.stdout + done.stderr
    assert stage.identity() == before
    assert shop.customers() == "Ada|unknown\nGrace|unknown"

    stage.write(*shop.documents("1.0", one))
    stage.apply()
    assert shop.customers() == "Ada\nGrace"
    assert shop.told()[-1]["detail"] == "release 1.0 can live with this schema"
