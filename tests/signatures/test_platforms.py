"""Which manifests of an index that nobody signed have to be signed for an engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.signatures.platforms import digests_for
from tests.signatures.signing import for_platform, index_of

GOOD, EVIL = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
SIGNED = for_platform(GOOD, "amd64")
V3 = for_platform(GOOD, "amd64", "v3")


def entry(digest: str = EVIL, **platform: str) -> dict[str, Any]:
    return {"digest": digest, "platform": platform}


def taken(content: bytes, architecture: str = "amd64") -> tuple[str, ...]:
    return digests_for(content, os="linux", architecture=architecture)


@pytest.mark.parametrize(
    "other",
    [
        entry(os="linux", architecture="amd64", variant="v2"),
        entry(os="linux", architecture="x86_64"),
        entry(os="Linux", architecture="AMD64"),
        entry(os="", architecture="amd64"),
        entry(architecture="x86-64"),
    ],
)
def test_what_an_engine_takes_for_its_own_platform_counts_however_it_is_spelt(other: dict[str, Any]) -> None:
    assert taken(index_of(other, SIGNED)) == (EVIL, GOOD)


@pytest.mark.parametrize(
    "other",
    [
        entry(os="windows", architecture="amd64"),
        entry(os="linux", architecture="arm64"),
        entry(os="linux", architecture="386"),
        entry(os="unknown", architecture="unknown"),
        {"digest": EVIL},
    ],
)
def test_what_an_engine_leaves_for_a_better_one_does_not_count(other: dict[str, Any]) -> None:
    assert taken(index_of(other, SIGNED)) == (GOOD,)


@pytest.mark.parametrize("other", [entry(os="linux", architecture="386"), {"digest": EVIL}, entry(os="linux")])
def test_what_an_engine_falls_back_to_counts_where_the_better_one_may_not_run(other: dict[str, Any]) -> None:
    assert taken(index_of(other, V3)) == (GOOD, EVIL)


def test_no_variant_of_arm_runs_on_every_arm() -> None:
    assert taken(index_of(for_platform(GOOD, "arm"), {"digest": EVIL}), "arm") == (GOOD, EVIL)


def test_an_engine_of_another_processor_takes_its_own() -> None:
    assert taken(index_of(SIGNED, entry(os="linux", architecture="riscv64")), "riscv64") == (EVIL,)
    assert taken(index_of(entry(os="linux", architecture="arm", variant="v7")), "arm64") == (EVIL,)


ONE = json.dumps(SIGNED)[:-1]
AMBIGUOUS = {
    "digest in capitals": f'{{"manifests": [{ONE}, "Digest": "{EVIL}"}}]}}',
    "digest twice": f'{{"manifests": [{ONE}, "digest": "{EVIL}"}}]}}',
    "platform twice": f'{{"manifests": [{ONE}, "platform": {{"variant": "v3"}}}}]}}',
    "platform in capitals": f'{{"manifests": [{ONE}}}, {{"digest": "{EVIL}", "Platform": {{}}}}]}}',
    "processor in capitals": f'{{"manifests": [{ONE}}}, {{"platform": {{"Architecture": "amd64"}}}}]}}',
    "manifests twice": f'{{"manifests": [{ONE}}}], "Manifests": []}}',
    "the long s": f'{{"manifests": [{ONE}}}], "manife\u017fts": []}}',
    "also a manifest": f'{{"manifests": [{ONE}}}], "config": {{}}, "layers": []}}',
    "not a digest": f'{{"manifests": [{json.dumps(entry("sha512:1", os="linux", architecture="amd64"))}]}}',
    "a path": f'{{"manifests": [{json.dumps(entry("x:../../etc", os="linux", architecture="amd64"))}]}}',
    "no list": '{"manifests": {}}',
    "no object": "[]",
    "no JSON": "{",
    "an entry that is none": '{"manifests": [7]}',
}


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_index_that_can_be_read_in_two_ways_counts_for_nothing(content: str) -> None:
    assert taken(content.encode()) == ()


def test_a_plain_index_can_be_read() -> None:
    assert taken(f'{{"manifests": [{ONE}}}]}}'.encode()) == (GOOD,)
