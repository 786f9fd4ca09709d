from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.desired import ImageReference
from reconciler.core.observation import EngineFacts, ImageFacts
from reconciler.errors import PlatformMismatch, VerificationFailed
from reconciler.executors.image_check import present, verify

DIGEST = "sha256:" + "a" * 64
IMAGE = ImageReference("registry.example.com/shop/web", DIGEST)
FACTS = ImageFacts(id="sha256:" + "1" * 64, repo_digests=(str(IMAGE),), os="linux", architecture="amd64")
ENGINE = EngineFacts(os="linux", architecture="amd64")


def test_the_right_image_on_the_right_platform_passes() -> None:
    assert verify(IMAGE, FACTS, image_id="", engine=ENGINE) is FACTS
    assert verify(IMAGE, FACTS, image_id=FACTS.id, engine=ENGINE) is FACTS


def test_an_image_that_is_not_there_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="does not have it"):
        verify(IMAGE, None, image_id="", engine=ENGINE)


@pytest.mark.parametrize(
    "digests",
    [
        (),
        (f"{IMAGE.repository}@sha256:{'b' * 64}",),
        (f"other.example.com/shop/web@{DIGEST}",),
        (f"{IMAGE.repository}2@{DIGEST}",),
    ],
)
def test_an_image_under_another_repository_or_digest_is_refused(digests: tuple[str, ...]) -> None:
    found = replace(FACTS, repo_digests=digests)
    assert not present(IMAGE, found)
    with pytest.raises(VerificationFailed, match="has other digests"):
        verify(IMAGE, found, image_id="", engine=ENGINE)


def test_one_of_several_digests_is_enough() -> None:
    found = replace(FACTS, repo_digests=(f"{IMAGE.repository}@sha256:{'b' * 64}", str(IMAGE)))
    assert present(IMAGE, found)


@pytest.mark.parametrize("spelling", ["nginx", "docker.io/library/nginx", "index.docker.io/library/nginx"])
def test_docker_hub_has_several_spellings_of_one_repository(spelling: str) -> None:
    found = replace(FACTS, repo_digests=(f"nginx@{DIGEST}",))
    assert present(ImageReference(spelling, DIGEST), found)
    assert not present(ImageReference("registry.example.com/nginx", DIGEST), found)


def test_user_repositories_of_docker_hub_keep_their_namespace() -> None:
    found = replace(FACTS, repo_digests=(f"shop/web@{DIGEST}",))
    assert present(ImageReference("docker.io/shop/web", DIGEST), found)
    assert not present(ImageReference("docker.io/library/web", DIGEST), found)


def test_an_image_id_that_moved_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="when this revision was last verified"):
        verify(IMAGE, FACTS, image_id="sha256:" + "2" * 64, engine=ENGINE)


@pytest.mark.parametrize("changes", [{"architecture": "arm64"}, {"os": "windows"}])
def test_an_image_for_another_platform_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(PlatformMismatch, match="the engine runs linux/amd64"):
        verify(IMAGE, replace(FACTS, **changes), image_id="", engine=ENGINE)  # type: ignore[arg-type]  # texts


def test_a_platform_that_either_side_does_not_know_is_not_compared() -> None:
    verify(IMAGE, replace(FACTS, os="", architecture=""), image_id="", engine=ENGINE)
    verify(IMAGE, FACTS, image_id="", engine=EngineFacts(os="", architecture=""))
