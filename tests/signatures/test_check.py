"""Which images count as signed, and what is left behind."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from reconciler.core.image import ImageReference
from reconciler.core.observation import EngineFacts, ImageFacts
from reconciler.core.signing import SignatureRule
from reconciler.errors import RegistryUnavailable, SignatureRefused
from reconciler.signatures.check import SignatureCheck
from reconciler.signatures.copies import Copies
from reconciler.signatures.payload import Signature, as_lines, read_claim, read_lines
from tests.signatures.signing import (
    MemoryRegistry,
    Signer,
    digest_of,
    for_platform,
    index_of,
    payload_of,
)

REPOSITORY = "registry.example.com:5000/shop/web"
ENGINE = EngineFacts(os="linux", architecture="amd64")
GOOD, OTHER = Signer(), Signer()
IMAGE = ImageReference(REPOSITORY, "sha256:" + "a" * 64)
ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
RULE = SignatureRule(prefix="registry.example.com:5000", keys=(Signer().public, GOOD.public))


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def check(registry: MemoryRegistry, tmp_path: Path) -> SignatureCheck:
    return SignatureCheck(registry, tmp_path / "copies")


def checked(
    check: SignatureCheck, image: ImageReference = IMAGE, rule: SignatureRule = RULE, known: tuple[str, ...] = ()
) -> str:
    return check.check(image, rule, facts=ImageFacts(id="sha256:1", repo_digests=known), engine=ENGINE)


def test_one_good_signature_among_others_counts(check: SignatureCheck, registry: MemoryRegistry) -> None:
    registry.add(IMAGE, OTHER.signed(IMAGE), Signature(b"{", b"x"), GOOD.signed(IMAGE))
    assert checked(check) == f"signed by {GOOD.public}"


REFUSED = {
    "none": ((), "has no signature in the copies on this host or the registry"),
    "another's key": ((OTHER.signed(IMAGE),), "by another key, or its payload was replaced"),
    "payload replaced": (
        (Signature(payload_of(IMAGE), GOOD.signed(ImageReference(REPOSITORY, "sha256:b")).value),),
        "by another key, or its payload was replaced",
    ),
    "truncated": (
        (Signature(payload_of(IMAGE)[:40], GOOD.signed(IMAGE).value),),
        "by another key, or its payload was replaced",
    ),
    "another image": ((GOOD.signed(ImageReference(REPOSITORY, "sha256:b")),), f"is of {REPOSITORY}@sha256:b"),
    "another repository": (
        (GOOD.signed(IMAGE, reference="registry.example.com:5000/shop/api"),),
        "is of registry.example.com:5000/shop/api@",
    ),
    "something else": (
        (GOOD.signed(IMAGE, kind="atomic container signature"),),
        "of something else than an image",
    ),
    "not JSON": ((GOOD.sign(b"[" * 5000),), "of something else than an image"),
}


@pytest.mark.parametrize(("signatures", "told"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_count_is_refused_and_told(
    check: SignatureCheck, registry: MemoryRegistry, signatures: tuple[Signature, ...], told: str
) -> None:
    if signatures:
        registry.add(IMAGE, *signatures)
    with pytest.raises(SignatureRefused) as refused:
        checked(check)
    assert told in str(refused.value)
    assert "shop/web@aaaaaaaaaaaa is not signed as the host's policy wants" in str(refused.value)


def test_a_registry_that_lies_in_form_is_as_one_without_signatures(
    check: SignatureCheck, registry: MemoryRegistry
) -> None:
    tag = f"{IMAGE.digest.replace(':', '-')}.sig"
    registry.add(IMAGE, GOOD.signed(IMAGE))
    good = registry.manifests[tag]
    registry.blobs.clear()
    for content in (good, b"{", b'{"layers": 7}', b'{"layers": [7]}', good.replace(b"simplesigning", b"other")):
        registry.manifests[tag] = content
        with pytest.raises(SignatureRefused, match="has no signature"):
            checked(check)


def test_a_copy_is_enough_when_the_registry_is_away_and_only_for_the_keys_of_the_moment(
    check: SignatureCheck, registry: MemoryRegistry
) -> None:
    registry.add(IMAGE, GOOD.signed(IMAGE))
    checked(check)
    registry.away = True
    assert checked(check) == f"signed by {GOOD.public}"
    with pytest.raises(RegistryUnavailable):
        checked(check, rule=SignatureRule(prefix="*", keys=(OTHER.public,)))


def test_a_copy_that_somebody_changed_is_worth_nothing(
    check: SignatureCheck, registry: MemoryRegistry, tmp_path: Path
) -> None:
    registry.add(IMAGE, GOOD.signed(IMAGE))
    checked(check)
    registry.manifests.clear()
    (copy,) = (tmp_path / "copies").rglob("*.json")
    copy.write_bytes(as_lines((OTHER.signed(IMAGE),)))
    with pytest.raises(SignatureRefused):
        checked(check)


def test_an_index_counts_where_every_manifest_for_this_platform_is_signed(
    check: SignatureCheck, registry: MemoryRegistry
) -> None:
    entries = [
        for_platform(ONE, "amd64"),
        for_platform(TWO, "amd64", "v3"),
        for_platform(THREE, "arm64"),
    ]
    content = index_of(*entries)
    index = ImageReference(REPOSITORY, digest_of(content))
    registry.manifests[index.digest] = content
    one, two = (ImageReference(REPOSITORY, digest) for digest in (ONE, TWO))
    registry.add(one, GOOD.signed(one))
    with pytest.raises(SignatureRefused):
        checked(check, index)
    registry.add(two, GOOD.signed(two))
    checked(check, index)
    registry.away = True
    checked(check, index)


def test_an_index_without_this_platform_counts_for_nothing(
    check: SignatureCheck, registry: MemoryRegistry
) -> None:
    content = index_of(for_platform(THREE, "arm64"))
    index, three = ImageReference(REPOSITORY, digest_of(content)), ImageReference(REPOSITORY, THREE)
    registry.manifests[index.digest] = content
    registry.add(three, GOOD.signed(three))
    with pytest.raises(SignatureRefused):
        checked(check, index)


def test_an_image_counts_by_an_index_that_the_engine_knows_it_by_and_that_holds_it(
    check: SignatureCheck, registry: MemoryRegistry
) -> None:
    content, strange = index_of(for_platform(IMAGE.digest, "amd64")), index_of(for_platform("sha256:9", "amd64"))
    for one in (content, strange):
        image = ImageReference(REPOSITORY, digest_of(one))
        registry.manifests[image.digest] = one
        registry.add(image, GOOD.signed(image))
    with pytest.raises(SignatureRefused):
        checked(check, known=(str(IMAGE), f"{REPOSITORY}@{digest_of(strange)}"))
    with pytest.raises(SignatureRefused):
        checked(check, known=(f"other/web@{digest_of(content)}",))
    checked(check, known=(f"{REPOSITORY}@{digest_of(content)}",))


def test_signatures_of_a_folder_are_read_in_both_forms(
    check: SignatureCheck, registry: MemoryRegistry, tmp_path: Path
) -> None:
    registry.away = True
    folder = tmp_path / "offline" / ("a" * 64)
    folder.mkdir(parents=True)
    rule = SignatureRule(prefix="*", keys=(GOOD.public,), offline=str(tmp_path / "offline"))
    good = GOOD.signed(IMAGE)
    (folder / "one.json").write_bytes(b"\n{}\n" + as_lines((OTHER.signed(IMAGE), good)))
    checked(check, rule=rule)
    for copy in (tmp_path / "copies").rglob("*.json"):
        copy.unlink()
    (folder / "one.json").unlink()
    (folder / "a.sig").write_bytes(base64.b64encode(good.value) + b"\n")
    with pytest.raises(RegistryUnavailable):
        checked(check, rule=rule)
    (folder / "a.payload").write_bytes(good.payload)
    checked(check, rule=rule)


def test_an_index_in_a_folder_counts_only_with_its_own_bytes(tmp_path: Path) -> None:
    content = index_of(for_platform("sha256:1", "amd64"))
    index = ImageReference(REPOSITORY, digest_of(content))
    copies = Copies(tmp_path)
    copies.keep_index(index, content)
    assert copies.index(index) == content
    (tmp_path / index.digest[7:] / "index").write_bytes(content + b" ")
    assert copies.index(index) is None


def test_the_copies_that_were_used_last_stay(tmp_path: Path) -> None:
    copies = Copies(tmp_path, kept=2)
    images = [ImageReference(REPOSITORY, f"sha256:{number}") for number in range(3)]
    for number, image in enumerate(images[:2]):
        copies.keep(image, GOOD.signed(image))
        os.utime(tmp_path / str(number), (number, number))
    signature = copies.signatures(images[0])[0]
    copies.keep(images[0], signature)
    copies.keep(images[2], GOOD.signed(images[2]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2"]


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("index.docker.io/library/web", ("docker.io", "library", "web")),
        ("localhost:5000/web", ("localhost:5000", "web")),
        ("localhost:5000/web:1.0", ("localhost:5000", "web")),
        (f"shop/web@sha256:{'a' * 64}", ("docker.io", "shop", "web")),
    ],
)
def test_a_claim_names_its_repository_in_full(reference: str, repository: tuple[str, ...]) -> None:
    claim = read_claim(payload_of(IMAGE, reference=reference))
    assert claim is not None
    assert claim.repository == repository


def test_what_cosign_downloads_is_read() -> None:
    good = GOOD.signed(IMAGE)
    line = json.loads(as_lines((good,)))
    assert read_lines(json.dumps({**line, "Cert": None, "Bundle": None}).encode()) == (good,)
    assert read_lines(b'{"Base64Signature": "*", "Payload": "e30="}\nnothing\n[]\n') == ()
