"""Laws of building: repeatable from what is stored, whatever the document says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import canonical_json
from reconciler.spec.assemble import examine
from reconciler.spec.build import build
from reconciler.spec.merge import merged
from tests.spec.texts import document

WORDS = st.from_regex(r"[A-Z][A-Z_]{0,5}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9]{1,6}", fullmatch=True)
DURATIONS = st.integers(1, 10_000).map(lambda count: f"{count}ms")
SIZES = st.integers(6 * 2**20, 2**40) | st.sampled_from(["6Mi", "1Gi", "512M"])
CPUS = st.integers(1, 64) | st.integers(1, 6400).map(lambda hundredths: f"{hundredths / 100:.2f}")
PORTS = st.integers(1, 65535).map(lambda port: f"127.0.0.1:{port}:{port}")
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "command": st.lists(st.text(alphabet="ab é\n\"'", max_size=4), max_size=3),
        "environment": st.dictionaries(WORDS, st.text(alphabet="xy =:#'\"é", max_size=5), max_size=3),
        "ports": st.lists(PORTS, max_size=3, unique=True),
        "volumes": st.lists(NAMES, max_size=2, unique=True).map(lambda names: [f"{x}:/{x}" for x in names]),
        "networks": st.lists(NAMES, max_size=2, unique=True),
        "memoryLimit": SIZES,
        "cpuLimit": CPUS,
        "restartPolicy": st.sampled_from(["no", "always", "on-failure:2"]),
        "healthCheck": st.fixed_dictionaries({}, optional={"test": st.just(["CMD", "x"]), "interval": DURATIONS}),
        "init": st.booleans(),
        "labels": st.dictionaries(NAMES, st.text(alphabet="ab ", max_size=3), max_size=2),
    },
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "strategy": st.fixed_dictionaries({}, optional={"minHealthy": DURATIONS, "retries": st.integers(0, 9)}),
        "adopt": st.booleans(),
        "suspend": st.just({"by": "ana", "reason": "x", "until": "2026-12-01T00:00:00Z"}),
        "drift": st.just({"mode": "warn", "ignore": ["config.environment.A"]}),
    },
)


@given(CONFIGS, SPECS)
def test_a_stored_document_builds_the_same_again(config: dict[str, Any], spec: dict[str, Any]) -> None:
    state = build(document(config, **spec))
    stored = json.loads(canonical_json(state.document))
    again = build(stored)
    assert again == state
    assert again.fingerprint == state.fingerprint
    assert build(again.document) == state


@given(CONFIGS, CONFIGS, SPECS)
def test_a_document_with_defaults_builds_the_same_from_what_is_stored(
    under: dict[str, Any], over: dict[str, Any], spec: dict[str, Any]
) -> None:
    top = {"apiVersion": "stella/v1", "kind": "Defaults", "spec": {"config": under, **spec}}
    files = {"a.yaml": json.dumps(top).encode(), "b.yaml": json.dumps(document(over)).encode()}
    examined = examine(files)
    for state in examined.documents:
        assert build(json.loads(canonical_json(state.document))) == state
        assert state.document["spec"]["config"] == merged(under, over)
    assert examined.documents or examined.problems


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz:{}[]-,'\"0123456789. \n#&*!|>", max_size=200))
def test_no_text_can_break_reading_a_document(rest: str) -> None:
    head = "apiVersion: stella/v1\nkind: Container\nmetadata: {name: web}\nspec:\n  config:\n    "
    examined = examine({"f.yaml": (head + rest).encode()})
    assert examined.documents == ()
    assert examined.problems


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["ports", "volumes", "healthCheck", "ulimits", "logging", "cpuLimit"]), JSON)
)
def test_no_value_can_break_reading_a_configuration(config: dict[str, Any]) -> None:
    content = json.dumps(document(config), ensure_ascii=False).encode()
    examined = examine({"f.yaml": content})
    assert bool(examined.documents) != bool(examined.problems)
    for problem in examined.problems:
        assert problem.line >= 1
        assert problem.message
