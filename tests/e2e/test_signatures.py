"""Signatures, with the real cosign, a real registry and a real engine. What is refused leaves what runs alone."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.controller.applied import Applied
from tests.e2e.stage import Stage, unheard
from tests.parts.cosign import Cosign
from tests.parts.http_stream import Request
from tests.parts.images import PublishedImage, publish, publish_index
from tests.parts.registry import PrivateRegistry
from tests.parts.registry_proxy import Answer, Lie, RegistryProxy, cut_after, everything, refuse
from tests.parts.standard_images import web

KIND = "application/vnd.oci.image.manifest.v1+json"
pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Signing:
    """A stage whose policy wants everything from its registry signed by the key ``good``."""

    stage: Stage
    cosign: Cosign
    proxy: RegistryProxy
    offline: Path

    def publish(self, version: str) -> PublishedImage:
        """A release of the web app in this test's own repository."""
        return publish(self.proxy.address, self.stage.prefix, version, web(version))

    def want(self, image: PublishedImage, release: str) -> None:
        """Have the document want this image."""
        where = {"image": image.repository, "digest": image.digest}
        self.stage.write(self.stage.web("v1", **where, release={"id": release, "name": release}))

    def apply(self) -> Applied:
        """In this process: half as long as the command."""
        environment, folder = self.stage.environment(), self.stage.folder
        settings = load_settings({}, environment=environment, folder=folder, file=None, root=True)
        with open_service(settings, exclusive=True) as service:
            (applied,) = service.apply((self.stage.name,), progress=unheard)
        return applied

    def deploy(self, image: PublishedImage, release: str) -> None:
        self.want(image, release)
        applied = self.apply()
        assert applied.outcome == "converged", applied

    def refused(self, image: PublishedImage, release: str) -> str:
        """It is not deployed, and what runs is as it was; what was said."""
        before = self.stage.identity()
        self.want(image, release)
        applied = self.apply()
        assert applied.outcome == "failed"
        assert self.stage.identity() == before
        assert list(self.stage.ours()) == [self.stage.name]
        return applied.error

    def permit(self, **rule: Any) -> None:
        keys = [str(self.cosign.folder / "good.pub")]
        rule = {"prefix": self.proxy.address, "keys": keys, "offline": str(self.offline), **rule}
        self.stage.permit(signatures=[rule])


@pytest.fixture
def signing(stage: Stage, registry: PrivateRegistry, tmp_path: Path) -> Iterator[Signing]:
    keys, offline = tmp_path / "keys", tmp_path / "offline"
    keys.mkdir(mode=0o755)
    offline.mkdir(mode=0o755)
    cosign = Cosign(keys)
    cosign.key("good")
    with RegistryProxy(registry.address) as proxy:
        made = Signing(stage, cosign, proxy, offline)
        made.permit()
        yield made


def signatures(request: Request) -> bool:
    """Whether a request is for the signatures of an image."""
    return request.path.endswith(".sig")


def ending(text: str, content: bytes) -> Lie:
    """Answer requests of this end with that content."""
    return Lie(lambda request: request.path.endswith(text), lambda _: Answer(200, (), content))


def manifest_of_signatures(image: PublishedImage, registry: PrivateRegistry) -> bytes:
    """What the registry itself has of them."""
    name = image.repository.partition("/")[2]
    url = f"http://{registry.address}/v2/{name}/manifests/{image.digest.replace(':', '-')}.sig"
    request = urllib.request.Request(url, headers={"Accept": KIND})
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  (our own loopback address)
        return bytes(answer.read())


def test_only_what_is_signed_by_the_key_of_this_host_replaces_what_runs(
    signing: Signing, registry: PrivateRegistry
) -> None:
    """Nothing of what a registry can say of a release that nobody signed brings it in."""
    stage, first, second = signing.stage, signing.publish("v1"), signing.publish("v2")
    signing.cosign.sign(first.reference, key="good", options=("--output-payload", "payload"))
    signing.deploy(first, "r1")
    assert "has no signature in" in signing.refused(second, "r2")
    assert "verify-signature" in {item["action"] for item in stage.plan()["actions"]}
    assert "has no signature in" in stage.status()["reason"]
    assert any("has no signature in" in item["detail"] for item in stage.json("why", stage.name)["events"])

    signing.cosign.key("other")
    signing.cosign.sign(second.reference, key="other")
    assert "is by another key" in signing.refused(second, "r2")

    signed = manifest_of_signatures(first, registry)
    signing.proxy.tell(ending(".sig", signed))
    assert f"is of {first.reference}" in signing.refused(second, "r2")

    payload = (signing.cosign.folder / "payload").read_bytes()
    forged = payload.replace(first.digest.encode(), second.digest.encode())
    true_name, false_name = (hashlib.sha256(content).hexdigest() for content in (payload, forged))
    forged_manifest = signed.replace(true_name.encode(), false_name.encode())
    signing.proxy.tell(ending(".sig", forged_manifest), ending(false_name, forged))
    assert "its payload was replaced" in signing.refused(second, "r2")

    signing.proxy.tell(ending(".sig", signed), Lie(lambda request: "/blobs/" in request.path, cut_after(40)))
    assert "broke off" in signing.refused(second, "r2")
    signing.proxy.tell(Lie(signatures, refuse(401)))
    assert "wants to know who asks" in signing.refused(second, "r2")

    signing.proxy.tell()
    signing.cosign.sign(second.reference, key="good")
    stage.apply()
    assert stage.page() == "web v2"


def test_a_rollback_needs_no_registry(signing: Signing) -> None:
    """A copy of each signature lies beside the history, and is checked against the keys of the moment."""
    first, second = signing.publish("v1"), signing.publish("v2")
    for number, image in enumerate((first, second), 1):
        signing.cosign.sign(image.reference, key="good")
        signing.deploy(image, f"r{number}")
    signing.proxy.tell(Lie(everything, refuse(503)))
    signing.deploy(first, "r1")
    assert signing.stage.page() == "web v1"
    other = signing.cosign.key("other")
    signing.permit(keys=[str(other)])
    assert "503" in signing.refused(second, "r2")


def test_signatures_of_a_folder_need_no_registry(signing: Signing) -> None:
    first, second = signing.publish("v1"), signing.publish("v2")
    folders = [signing.offline / image.digest.partition(":")[2] for image in (first, second)]
    for folder in folders:
        folder.mkdir()
    signing.cosign.sign(first.reference, key="good")
    (folders[0] / "downloaded.json").write_text(signing.cosign.download(first.reference))
    files = ("--output-signature", str(folders[1] / "a.sig"), "--output-payload", str(folders[1] / "a.payload"))
    signing.cosign.sign(second.reference, key="good", options=("--upload=false", *files))
    signing.proxy.tell(Lie(signatures, refuse(404)))
    signing.deploy(first, "r1")
    signing.deploy(second, "r2")
    assert signing.stage.page() == "web v2"


def test_an_index_counts_for_its_platforms_and_they_count_for_it(signing: Signing) -> None:
    stage, address = signing.stage, signing.proxy.address
    recipe = web("v1")
    index = publish_index(address, stage.prefix, "index", [recipe])
    image = publish(address, stage.prefix, "v1", recipe)
    signing.cosign.sign(image.reference, key="good")
    signing.deploy(index, "by-platform")
    other = publish_index(address, stage.prefix, "index2", [web("v2")])
    signing.cosign.sign(other.reference, key="good")
    signing.deploy(other, "by-index")
    signing.deploy(publish(address, stage.prefix, "v2", web("v2")), "inside-the-index")
    assert stage.page() == "web v2"


def test_an_exception_is_for_one_digest_with_who_and_why(signing: Signing) -> None:
    stage, first, second = signing.stage, signing.publish("v1"), signing.publish("v2")
    signing.want(first, "r1")
    stage.apply(expect=4)
    assert stage.ours() == {}
    assert stage.reconciler("allow", stage.name, "--unsigned").returncode == 64
    told = stage.json("allow", stage.name, "--unsigned", "--reason", "the key is being replaced")
    assert told["allowed"] == [first.reference]
    stage.apply()
    assert stage.page() == "web v1"
    assert "the key is being replaced" in stage.status()["reason"]
    events = [item for item in stage.json("why", stage.name)["events"] if item["action"] == "allow-unsigned"]
    assert [(item["target"], item["cause"]) for item in events] == [
        (first.reference, "the key is being replaced"),
    ]
    assert events[0]["actor"].startswith("user:")
    signing.refused(second, "r2")
    assert stage.json("allow", stage.name, "--revoke")["revoked"]
    stage.docker("rm", "-f", stage.name)
    signing.want(first, "r1")
    stage.apply(expect=4)
    assert stage.ours() == {}
