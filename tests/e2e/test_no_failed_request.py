"""The example of a proxy that finds who runs: a release replaces another, and no request fails."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.e2e.documents import as_yaml, merged
from tests.e2e.stage import SOURCES, Stage, eventually
from tests.parts.crowd import Crowd
from tests.parts.haproxy_image import publish_haproxy
from tests.parts.images import PublishedImage

pytestmark = pytest.mark.engine

EXAMPLE = SOURCES / "examples" / "10-no-failed-request"
PER_SECOND = 200


def written(stage: Stage, file: str, image: PublishedImage, **over: Any) -> dict[str, Any]:
    """A document of the example: names with the stage's prefix, an image that is really there."""
    document: dict[str, Any] = yaml.safe_load((EXAMPLE / file).read_text())
    name = f"{stage.prefix}-{document['metadata']['name']}"
    document["metadata"]["name"] = name
    own = {"image": image.repository, "digest": image.digest, "sticker": {"path": str(stage.sticker(name))}}
    document["spec"] = merged(document["spec"], merged(own, over))
    return document


def answered(stage: Stage, version: str) -> None:
    eventually("the proxy has found it", lambda: stage.page() == f"web {version}")


def test_no_request_fails_while_one_release_replaces_another(stage: Stage) -> None:
    network = f"{stage.prefix}-front"
    stage.docker("network", "create", network)
    front = {"networks": [{"name": network, "aliases": ["site.internal"]}]}
    port = {"networks": [network], "ports": [f"127.0.0.1:{stage.port}:8080"]}
    haproxy = publish_haproxy(stage.images.plain.repository.partition("/")[0])

    def site(version: str) -> None:
        document = written(stage, "site.yaml", stage.image(version), release={"id": version}, config=front)
        stage.write(as_yaml(document), file="site.yaml")

    try:
        stage.write(as_yaml(written(stage, "proxy.yaml", haproxy, config=port)), file="proxy.yaml")
        site("v1")
        stage.apply()
        answered(stage, "v1")
        for version in ("v2", "v1"):
            with Crowd("127.0.0.1", stage.port, per_second=PER_SECOND) as users:
                site(version)
                stage.apply()
                answered(stage, version)
            assert not users.failed
            assert users.answers == {"web v1", "web v2"}
            assert users.asked > PER_SECOND
    finally:
        for name in ("site", "proxy"):
            stage.docker("rm", "-f", f"{stage.prefix}-{name}")
        stage.docker("network", "rm", network)
