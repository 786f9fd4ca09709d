"""The registry is away, slow, cut off, overloaded or misleading: what runs goes on, nothing wrong is ever run."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.http_stream import Request
from tests.parts.images import PublishedImage, publish, publish_index
from tests.parts.registry_proxy import Change, Lie, RegistryProxy, blobs, cut_after, everything, refuse, trickle
from tests.parts.standard_images import web

DEADLINE_S = 3.0
HALF = 400
CUT = cut_after(HALF)
OFTEN = {"RECONCILER_RESYNC": "1"}


@pytest.fixture
def registry_of(stage: Stage) -> Iterator[RegistryProxy]:
    """A proxy in front of the registry; it tells the truth at first."""
    with RegistryProxy(stage.images.web_v1.repository.partition("/")[0]) as proxy:
        yield proxy


def through(proxy: RegistryProxy, image: PublishedImage) -> dict[str, str]:
    """Image and digest of a document that is pulled by way of the proxy."""
    repository = image.repository.partition("/")[2]
    return {"image": f"{proxy.address}/{repository}", "digest": image.digest}


def fresh(stage: Stage, tag: str = "v2") -> PublishedImage:
    """A release of the web app that no engine has a layer of."""
    address = stage.images.web_v1.repository.partition("/")[0]
    recipe = web("v2")
    unique = f"{uuid.uuid4().hex}\n" * 2000
    return publish(address, "fresh", tag, replace(recipe, files={**recipe.files, "www/unique": unique}))


def layers(image: PublishedImage) -> Callable[[Request], bool]:
    """Reads of blobs but of the image's config: those of layers the engine tries again by itself, for 75 s."""
    return lambda request: blobs(request) and not request.path.endswith(image.image_id)


@pytest.mark.fault("R1")
def test_a_registry_that_is_away_leaves_the_old_one_serving_until_it_is_back(stage: Stage, oracle: Oracle) -> None:
    """Nobody listens; the release is deployed without a person as soon as somebody does."""
    stage.deploy_here("v1")
    identity, image = stage.identity(), fresh(stage)
    registry = RegistryProxy(stage.images.web_v1.repository.partition("/")[0])
    with contextlib.ExitStack() as back, stage.controller() as controller, stage.users() as users:
        stage.write(stage.web("v2", **through(registry, image)))
        eventually("it has failed", lambda: controller.phase(stage.name) == "Failed")
        assert "connection refused" in stage.status()["reason"]
        assert stage.identity() == identity
        assert (users.answers, users.failed) == ({"web v1"}, [])
        assert stage.history()["quarantined"] == []
        back.enter_context(registry)
        began = time.monotonic()
        eventually("the release is deployed", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        stage.showed("converged_s", time.monotonic() - began)
    oracle.holds()


@pytest.mark.fault("R10")
def test_an_overloaded_registry_is_told_as_such_and_asked_ever_more_seldom(
    stage: Stage, oracle: Oracle, registry_of: RegistryProxy
) -> None:
    stage.deploy_here("v1")
    identity, image = stage.identity(), fresh(stage)
    registry_of.tell(Lie(everything, refuse(429, ("Retry-After", "5"))))
    with stage.controller() as controller, stage.users() as users:
        stage.write(stage.web("v2", **through(registry_of, image)))
        eventually("it has failed", lambda: controller.phase(stage.name) == "Failed")
        assert "limits the rate of pulls" in stage.here("why", stage.name)
        asked = len(registry_of.requests)
        time.sleep(DEADLINE_S)
        # at best after 0.5, 1 and 2 seconds more; a try asks some times, and the engine by itself once more
        assert len(registry_of.requests) - asked <= 3 * asked, "it is asked without a pause"
        assert stage.identity() == identity
        assert (users.answers, users.failed) == ({"web v1"}, [])
        assert stage.history()["quarantined"] == []
        registry_of.tell()
        eventually("the release is deployed", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
    oracle.holds()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(CUT, marks=pytest.mark.fault("R2"), id="cut off"),
        pytest.param(trickle, marks=pytest.mark.fault("R7"), id="trickles without end"),
    ],
)
def test_a_layer_that_does_not_come_ends_at_the_pull_s_deadline_and_other_documents_go_on(
    change: Change, stage: Stage, oracle: Oracle, registry_of: RegistryProxy
) -> None:
    """Not at the engine's own, which comes much later or never; some versions give up what is cut off before."""
    stage.deploy_here("v1")
    identity, image = stage.identity(), fresh(stage)
    registry_of.tell(Lie(layers(image), change))
    settings = {"RECONCILER_PULL_DEADLINE": f"{DEADLINE_S:g}", "RECONCILER_WORKERS": "2"}
    with stage.controller(**settings, **OFTEN) as controller, stage.users() as users:
        stage.write(stage.web("v2", **through(registry_of, image)))
        eventually("it is pulled", lambda: any(map(layers(image), registry_of.requests)))
        other = f"{stage.prefix}-other"
        beside = document(other, stage.images.plain, "r1", sticker={"path": str(stage.sticker(other))})
        stage.write(beside, file="other.yaml")
        eventually("another document is deployed meanwhile", lambda: stage.ours(other) == {other: "running"})
        eventually("the pull has ended", lambda: controller.phase(stage.name) == "Failed")
        told = stage.status()["reason"]
        assert f"not done after {DEADLINE_S:g} s" in told or (change is CUT and "unexpected EOF" in told)
        assert stage.identity() == identity
        assert (users.answers, users.failed) == ({"web v1"}, [])
        registry_of.tell()
        began = time.monotonic()
        eventually("the release is deployed", lambda: stage.page() == "web v2", within_s=60)
        controller.settles(stage.name)
        stage.showed("converged_s", time.monotonic() - began)
    oracle.holds()


@pytest.mark.fault("R8")
def test_a_tag_that_is_moved_changes_nothing(stage: Stage, oracle: Oracle) -> None:
    address = stage.images.web_v1.repository.partition("/")[0]
    image = publish(address, "moved", "latest", web("v1"))
    spec = {"image": image.repository, "digest": image.digest}
    stage.deploy("v1", **spec)
    identity = stage.identity()
    publish(address, "moved", "latest", web("v2"))
    assert stage.plan()["actions"] == []
    stage.apply()
    assert (stage.identity(), stage.page()) == (identity, "web v1")
    stage.docker("rm", "-f", stage.name)
    stage.sdk.remove_image(image.reference)
    stage.apply()
    assert stage.page() == "web v1"
    oracle.holds()


@pytest.mark.fault("R11")
def test_an_index_and_the_manifest_that_it_names_are_one_image(stage: Stage, oracle: Oracle) -> None:
    """A document that goes from the one to the other digest gets no other container."""
    address = stage.images.web_v1.repository.partition("/")[0]
    image = publish(address, "both", "one", web("v1"))
    index = publish_index(address, "both", "all", [web("v1"), replace(web("v1"), architecture="s390x")])
    stage.deploy("v1", image=index.repository, digest=index.digest)
    ran = stage.inspect()["Image"]
    stage.deploy("v1", image=image.repository, digest=image.digest)
    assert stage.inspect()["Image"] == ran == image.image_id
    oracle.holds()


@pytest.mark.fault("R13")
def test_an_error_within_the_stream_is_a_failure_also_where_an_older_image_has_the_tag(
    stage: Stage, oracle: Oracle, registry_of: RegistryProxy
) -> None:
    """Status 200 and an error as one message among many; the older image of that name is not taken instead."""
    stage.deploy_here("v1")
    identity = stage.identity()
    fresh(stage, "stable")
    stage.docker("pull", "-q", f"{registry_of.address}/fresh:stable")
    newer = fresh(stage, "stable")
    registry_of.tell(Lie(blobs, CUT))
    stage.write(stage.web("v2", **through(registry_of, newer)))
    failed = stage.apply(expect=4)
    assert "pulling" in failed.stdout
    assert stage.identity() == identity
    stage.write(stage.web("v1"))
    stage.apply()
    oracle.holds("v1")
