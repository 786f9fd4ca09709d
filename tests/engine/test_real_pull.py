"""Pulls from a real registry that lies, through a real engine: what is wrong is known by its class."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.core.desired import ImageReference
from reconciler.engine.client import DockerEngine
from reconciler.errors import (
    ImageNotFound,
    PlatformMismatch,
    ReconcilerError,
    RegistryDenied,
    RegistryUnavailable,
    VerificationFailed,
)
from tests.parts.images import MANIFEST, PublishedImage, Recipe, publish, publish_index
from tests.parts.registry import PrivateRegistry
from tests.parts.registry_proxy import (
    Change,
    Lie,
    RegistryProxy,
    blobs,
    cut_after,
    everything,
    flip_a_byte,
    manifests,
    named,
    pad_json,
    refuse,
    swap_for,
)

DEADLINE_S = 30.0


@pytest.fixture
def proxy(registry: PrivateRegistry) -> Iterator[RegistryProxy]:
    with RegistryProxy(registry.address) as proxy:
        yield proxy


class Shop:
    """New images in the registry, seen through the proxy: an engine remembers manifests it has verified."""

    def __init__(self, registry: PrivateRegistry, proxy: RegistryProxy, prefix: str) -> None:
        self.registry = registry
        self.proxy = proxy
        self.repository = f"{prefix}/web"
        self._count = 0

    def publish(self, **fields: Any) -> PublishedImage:
        self._count += 1
        files = {"app/version": f"{self.repository} {self._count}"}
        recipe = Recipe(config={"Cmd": ["/bin/true"]}, files=files, **fields)
        return publish(self.registry.address, self.repository, f"v{self._count}", recipe)

    def manifest(self, image: PublishedImage) -> bytes:
        url = f"http://{self.registry.address}/v2/{self.repository}/manifests/{image.digest}"
        request = urllib.request.Request(url, headers={"Accept": MANIFEST})
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return bytes(response.read())

    def reference(self, image: PublishedImage) -> ImageReference:
        return ImageReference(f"{self.proxy.address}/{self.repository}", image.digest)


@pytest.fixture
def shop(registry: PrivateRegistry, proxy: RegistryProxy, prefix: str) -> Shop:
    return Shop(registry, proxy, prefix)


def quiet(line: str) -> None:
    assert len(line) < 200


def refused(live: DockerEngine, image: ImageReference, *, deadline_s: float = DEADLINE_S) -> ReconcilerError:
    """The error of the pull; the host must not have the image afterwards."""
    with pytest.raises(ReconcilerError) as caught:
        live.pull(image, deadline_s=deadline_s, progress=quiet)
    assert live.inspect_image(str(image)) is None
    return caught.value


def test_a_pull_has_the_image_on_the_host_and_tells_of_its_progress(live: DockerEngine, shop: Shop) -> None:
    image = shop.reference(shop.publish())
    lines: list[str] = []
    live.pull(image, deadline_s=DEADLINE_S, progress=lines.append)
    facts = live.inspect_image(str(image))
    assert facts is not None
    assert str(image) in facts.repo_digests
    assert lines[-1].startswith(f"pulling {image.short}: 100 %")
    assert len(lines) <= 11
    live.pull(image, deadline_s=DEADLINE_S, progress=quiet)


@pytest.mark.parametrize("change", [flip_a_byte, pad_json])
def test_an_altered_manifest_is_refused(live: DockerEngine, shop: Shop, change: Change) -> None:
    image = shop.publish()
    shop.proxy.tell(Lie(manifests, change))
    assert isinstance(refused(live, shop.reference(image)), VerificationFailed)


def test_the_manifest_of_another_image_is_refused(live: DockerEngine, shop: Shop) -> None:
    image, other = shop.publish(), shop.publish()
    shop.proxy.tell(Lie(manifests, swap_for(shop.manifest(other))))
    assert isinstance(refused(live, shop.reference(image)), VerificationFailed)


@pytest.mark.parametrize("part", ["config", "layer"])
def test_an_altered_config_or_layer_is_refused(live: DockerEngine, shop: Shop, part: str) -> None:
    image = shop.publish()
    told = json.loads(shop.manifest(image))
    digest = told["config"]["digest"] if part == "config" else told["layers"][-1]["digest"]
    shop.proxy.tell(Lie(named(digest), flip_a_byte))
    assert isinstance(refused(live, shop.reference(image)), VerificationFailed)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, RegistryDenied),
        (403, RegistryDenied),
        (404, ImageNotFound),
        (429, RegistryUnavailable),
        (500, RegistryUnavailable),
    ],
)
def test_what_the_registry_refuses_is_known_by_its_class(
    live: DockerEngine, shop: Shop, status: int, kind: type[ReconcilerError]
) -> None:
    image = shop.publish()
    shop.proxy.tell(Lie(everything, refuse(status)))
    assert type(refused(live, shop.reference(image))) is kind


def test_a_digest_that_is_not_there_is_not_found(live: DockerEngine, shop: Shop) -> None:
    known = shop.reference(shop.publish())
    assert isinstance(refused(live, ImageReference(known.repository, "sha256:" + "0" * 64)), ImageNotFound)


def test_a_registry_that_is_away_may_come_back(live: DockerEngine, shop: Shop) -> None:
    image = shop.publish()
    with RegistryProxy(shop.registry.address) as other:
        address = other.address
    assert isinstance(
        refused(live, ImageReference(f"{address}/{shop.repository}", image.digest)), RegistryUnavailable
    )


def test_a_layer_that_is_cut_fails_within_our_deadline(live: DockerEngine, shop: Shop) -> None:
    image = shop.publish()
    digest = json.loads(shop.manifest(image))["layers"][-1]["digest"]
    shop.proxy.tell(Lie(named(digest), cut_after(10)))
    began = time.monotonic()
    assert isinstance(refused(live, shop.reference(image), deadline_s=2), RegistryUnavailable)
    assert time.monotonic() - began < 20


def test_a_failure_is_never_hidden_by_an_older_image_of_the_same_tag(live: DockerEngine, shop: Shop) -> None:
    older, newer = shop.publish(), shop.publish()
    live.pull(shop.reference(older), deadline_s=DEADLINE_S, progress=quiet)
    shop.proxy.tell(Lie(blobs, flip_a_byte))
    assert isinstance(refused(live, shop.reference(newer)), VerificationFailed)


def test_an_index_and_the_image_in_it_are_one_image(live: DockerEngine, shop: Shop) -> None:
    here = Recipe(config={"Cmd": ["/bin/true"]}, files={"app/version": shop.repository})
    elsewhere = Recipe(config={"Cmd": ["/bin/true"]}, architecture="s390x")
    address = shop.registry.address
    index = publish_index(address, shop.repository, "index", [elsewhere, here])
    alone = publish(address, shop.repository, "alone", here)
    found = []
    for image in (index, alone):
        live.pull(shop.reference(image), deadline_s=DEADLINE_S, progress=quiet)
        found.append(live.inspect_image(str(shop.reference(image))))
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].id == found[1].id == alone.image_id


def test_an_index_without_our_platform_is_refused(live: DockerEngine, shop: Shop) -> None:
    elsewhere = Recipe(config={"Cmd": ["/bin/true"]}, architecture="s390x")
    index = publish_index(shop.registry.address, shop.repository, "index", [elsewhere])
    assert isinstance(refused(live, shop.reference(index)), PlatformMismatch)


def test_a_tag_is_resolved_through_the_engine(live: DockerEngine, shop: Shop) -> None:
    image = shop.publish()
    repository = shop.reference(image).repository
    assert live.resolve_tag(repository, image.tag) == image.digest
    with pytest.raises(ImageNotFound, match=f"^looking up {repository}:none: "):
        live.resolve_tag(repository, "none")
