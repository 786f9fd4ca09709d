"""An image that is not what was named is refused before the running container is touched."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.errors import ImageNotFound, PlatformMismatch, ReconcilerError, VerificationFailed
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, unheard
from tests.parts.images import PublishedImage, assemble, machine_architecture, publish, publish_index
from tests.parts.registry_proxy import Lie, RegistryProxy, flip_a_byte, named, pad_json, swap_for
from tests.parts.standard_images import web

FOREIGN = "s390x" if machine_architecture() != "s390x" else "amd64"


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What the document names, the lies the registry tells of it, and how it must be refused."""

    image: PublishedImage
    lies: tuple[Lie, ...] = ()
    refusal: type[ReconcilerError]


def _unique() -> str:
    """A version whose layers no engine has yet."""
    return f"x{uuid.uuid4().hex[:8]}"


def _tampered_manifest(address: str) -> Offered:
    image = publish(address, "web", "tampered", web(_unique()))
    return Offered(image=image, lies=(Lie(named(image.digest), pad_json),), refusal=VerificationFailed)


def _broken_manifest(address: str) -> Offered:
    image = publish(address, "web", "tampered", web(_unique()))
    return Offered(image=image, lies=(Lie(named(image.digest), flip_a_byte),), refusal=VerificationFailed)


def _another_manifest(address: str) -> Offered:
    """A manifest that is valid in itself, and of another image of the same repository."""
    recipe = web(_unique())
    image = publish(address, "web", "right", web(_unique()))
    publish(address, "web", "other", recipe)
    theirs = assemble(recipe).manifest
    return Offered(image=image, lies=(Lie(named(image.digest), swap_for(theirs)),), refusal=VerificationFailed)


def _tampered_layer(address: str) -> Offered:
    recipe = web(_unique())
    image = publish(address, "web", "tampered", recipe)
    layer = _digest(assemble(recipe).layers[-1])
    return Offered(image=image, lies=(Lie(named(layer), flip_a_byte),), refusal=VerificationFailed)


def _tampered_config(address: str) -> Offered:
    image = publish(address, "web", "tampered", web(_unique()))
    return Offered(image=image, lies=(Lie(named(image.image_id), flip_a_byte),), refusal=VerificationFailed)


def _wrong_digest(address: str) -> Offered:
    image = publish(address, "web", "right", web(_unique()))
    return Offered(image=replace(image, digest=f"sha256:{uuid.uuid4().hex * 2}"), refusal=ImageNotFound)


def _index_without_us(address: str) -> Offered:
    recipes = [replace(web(_unique()), architecture=one) for one in (FOREIGN, "mips64le")]
    return Offered(image=publish_index(address, "web", "others", recipes), refusal=PlatformMismatch)


def _wrong_platform(address: str) -> Offered:
    recipe = replace(web(_unique()), architecture=FOREIGN)
    return Offered(image=publish(address, "web", "other", recipe), refusal=PlatformMismatch)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


OFFERS: dict[str, Callable[[str], Offered]] = {
    "a tampered manifest": _tampered_manifest,
    "a broken manifest": _broken_manifest,
    "another image's manifest": _another_manifest,
    "a tampered layer": _tampered_layer,
    "a tampered config": _tampered_config,
    "a wrong digest": _wrong_digest,
    "an index without our platform": _index_without_us,
    "an image for another platform": _wrong_platform,
}


@pytest.mark.parametrize(
    "offer",
    [
        pytest.param("a tampered manifest", marks=pytest.mark.fault("R3")),
        pytest.param("a broken manifest", marks=pytest.mark.fault("R3")),
        pytest.param("another image's manifest", marks=pytest.mark.fault("R4")),
        pytest.param("a tampered layer", marks=pytest.mark.fault("R5")),
        pytest.param("a tampered config", marks=pytest.mark.fault("R6")),
        pytest.param("an index without our platform", marks=pytest.mark.fault("R11")),
        pytest.param("an image for another platform", marks=pytest.mark.fault("R12")),
        "a wrong digest",
    ],
)
def test_what_is_not_as_named_is_refused_without_touching_what_runs(
    offer: str, stage: Stage, oracle: Oracle
) -> None:
    stage.deploy_here("v1")
    identity = stage.identity()
    upstream = stage.images.web_v1.repository.partition("/")[0]
    offered = OFFERS[offer](upstream)
    with RegistryProxy(upstream) as registry, stage.users() as users:
        registry.tell(*offered.lies)
        image = f"{registry.address}/web"
        stage.write(stage.web("v2", image=image, digest=offered.image.digest))
        error = _refusal(stage)
        assert type(error) is offered.refusal, f"{type(error).__name__}: {error}"
        done = stage.apply(expect=4)
        assert "Traceback" not in done.stderr
        assert registry.requests, "the registry was never asked"
    assert stage.identity() == identity
    assert (users.answers, users.failed) == ({"web v1"}, [])
    assert len(stage.history()["generations"]) == 1
    stage.write(stage.web("v1"))
    stage.apply()
    oracle.holds("v1")


def _refusal(stage: Stage) -> ReconcilerError | None:
    """The error of the Action that failed: its class is not printed, so this try is made in this process."""
    settings = load_settings({}, environment=stage.environment(), folder=stage.folder, file=None, root=True)
    with open_service(settings, exclusive=True) as service:
        (applied,) = service.apply((stage.name,), progress=unheard)
    return applied.outcomes[-1].error
