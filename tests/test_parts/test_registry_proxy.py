"""The lying proxy, with a real engine on one side and a real registry on the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.parts import registry_proxy as lying
from tests.parts.engine import PrivateEngine
from tests.parts.images import MANIFEST, PublishedImage, Recipe, assemble, publish, publish_index
from tests.parts.registry import PrivateRegistry
from tests.parts.registry_proxy import Change, Lie, RegistryProxy
from tests.parts.standard_images import PLAIN, StandardImages, web


@pytest.fixture
def proxy(registry: PrivateRegistry, images: StandardImages) -> Iterator[RegistryProxy]:
    with RegistryProxy(registry.address) as started:
        yield started


@pytest.fixture
def image(proxy: RegistryProxy, prefix: str, sdk: docker.APIClient) -> Iterator[PublishedImage]:
    """An image of the test's own, pushed through the (still honest) proxy, so that no engine has its layers."""
    published = publish(proxy.address, "altered", prefix, web(prefix))
    yield published
    if sdk.images(name=published.reference):
        sdk.remove_image(published.reference, force=True)


def pull(sdk: docker.APIClient, image: PublishedImage) -> str:
    """Pull by digest and read the whole stream; returns the error in it, or an empty text."""
    try:
        messages = list(sdk.pull(image.reference, stream=True, decode=True))
    except docker.errors.APIError as error:
        return str(error.explanation)
    return next((str(message["error"]) for message in messages if "error" in message), "")


def inspect_image(sdk: docker.APIClient, reference: str) -> dict[str, Any]:
    return sdk.inspect_image(reference)  # type: ignore[no-untyped-call,no-any-return]  # the SDK's decorator


def has(sdk: docker.APIClient, image: PublishedImage) -> bool:
    return any(image.reference in (row["RepoDigests"] or ()) for row in sdk.images())


def test_an_honest_proxy_changes_nothing(
    sdk: docker.APIClient, image: PublishedImage, proxy: RegistryProxy
) -> None:
    assert pull(sdk, image) == ""
    assert inspect_image(sdk, image.reference)["Id"] == image.image_id
    assert any(request.method == "PUT" for request in proxy.requests), "the push went through it too"


def test_repeated_accept_headers_stay_repeated(
    sdk: docker.APIClient, image: PublishedImage, proxy: RegistryProxy
) -> None:
    assert pull(sdk, image) == ""
    (asked, *_) = [r for r in proxy.requests if lying.manifests(r) and r.path.endswith(image.digest)]
    assert len([value for name, value in asked.headers if name == "accept"]) > 1
    # the kind which a registry gives to those whose Accept it understood
    sdk.pull(image.tagged)
    assert inspect_image(sdk, image.tagged)["RepoDigests"] == [image.reference]


@pytest.mark.parametrize("change", [lying.flip_a_byte, lying.pad_json], ids=["broken", "same meaning"])
def test_an_altered_manifest_is_refused(
    sdk: docker.APIClient, image: PublishedImage, proxy: RegistryProxy, change: Change
) -> None:
    proxy.tell(Lie(lying.manifests, change))
    assert "verification failed" in pull(sdk, image)
    assert not has(sdk, image)


def test_a_manifest_swapped_for_another_valid_one_is_refused(
    sdk: docker.APIClient, image: PublishedImage, proxy: RegistryProxy
) -> None:
    proxy.tell(Lie(lying.manifests, lying.swap_for(assemble(PLAIN).manifest)))
    assert "verification failed" in pull(sdk, image)
    assert not has(sdk, image)


@pytest.mark.parametrize("change", [lying.flip_a_byte, lying.cut_after(300)], ids=["altered", "cut"])
@pytest.mark.parametrize("part", ["config", "layer"])
def test_an_altered_or_cut_blob_is_refused(
    sdk: docker.APIClient, image: PublishedImage, proxy: RegistryProxy, part: str, change: Change
) -> None:
    manifest = json.loads(assemble(web(image.tag)).manifest)
    blob = manifest["config"] if part == "config" else manifest["layers"][-1]
    proxy.tell(Lie(lying.named(blob["digest"]), change))
    assert pull(sdk, image) != ""
    assert not has(sdk, image)
    proxy.tell()
    assert pull(sdk, image) == "", "the truth is accepted afterwards"


@pytest.mark.parametrize(("status", "told"), [(401, "unauthorized"), (429, "toomanyrequests"), (500, "500")])
def test_a_refusing_registry_is_reported(
    sdk: docker.APIClient, image: PublishedImage, proxy: RegistryProxy, status: int, told: str
) -> None:
    proxy.tell(Lie(lying.manifests, lying.refuse(status, ("Retry-After", "5"))))
    assert told in pull(sdk, image)
    assert not has(sdk, image)


def test_an_index_brings_the_image_of_this_platform(
    sdk: docker.APIClient, registry: PrivateRegistry, prefix: str
) -> None:
    recipes = [Recipe(web("v1").config, architecture="s390x"), web(prefix)]
    index = publish_index(registry.address, "multi", prefix, recipes)
    assert pull(sdk, index) == ""
    found = inspect_image(sdk, index.reference)
    assert found["RepoDigests"] == [index.reference]
    assert f"VERSION={prefix}" in found["Config"]["Env"]


def test_an_index_without_this_platform_is_refused(
    sdk: docker.APIClient, registry: PrivateRegistry, prefix: str
) -> None:
    index = publish_index(registry.address, "foreign", prefix, [Recipe({"Cmd": [prefix]}, architecture="s390x")])
    assert "no matching manifest" in pull(sdk, index)


def test_a_recipe_always_makes_the_same_bytes(images: StandardImages, registry: PrivateRegistry) -> None:
    again = publish(registry.address, "web", "again", web("v1"))
    assert (again.digest, again.image_id) == (images.web_v1.digest, images.web_v1.image_id)
    assert json.loads(assemble(web("v1")).manifest)["mediaType"] == MANIFEST


def test_a_registry_keeps_its_address_and_images_over_a_crash(
    images: StandardImages, fresh_engine: PrivateEngine
) -> None:
    with PrivateRegistry() as registry:
        image = publish(registry.address, "job", "v1", Recipe({"Cmd": ["true"]}))
        client = docker.APIClient(base_url=fresh_engine.url, version="auto", timeout=30)
        registry.kill()
        assert "connection refused" in pull(client, image)
        registry.start()
        assert pull(client, image) == ""
        client.close()
    assert not registry.folder.exists()


def test_everything_can_be_refused(proxy: RegistryProxy, sdk: docker.APIClient, image: PublishedImage) -> None:
    proxy.tell(Lie(lying.everything, lying.refuse(503)))
    assert pull(sdk, image) != ""
