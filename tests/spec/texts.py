"""Texts of documents for tests."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from reconciler.core.desired import DesiredState
from reconciler.spec.build import build

HEX = "2b1c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80912"
DIGEST = f"sha256:{HEX}"


def text(name: str = "web", *, config: str = "", spec: str = "", meta: str = "", release: str = "rel-1") -> str:
    """A Container document; ``config`` and ``spec`` are lines of YAML for below these keys."""
    lines = [
        "apiVersion: stella/v1",
        "kind: Container",
        f"metadata: {{name: {name}{meta}}}",
        "spec:",
        f"  release: {{id: {release}}}",
        "  image: registry.example.com/shop/web",
        f"  digest: {DIGEST}",
    ]
    if config:
        lines += ["  config:", textwrap.indent(config, "    ")]
    if spec:
        lines.append(textwrap.indent(spec, "  "))
    return "\n".join(lines) + "\n"


def defaults(spec: str = "", meta: str = "") -> str:
    """A Defaults document."""
    head = "apiVersion: stella/v1\nkind: Defaults\n" + (f"metadata: {meta}\n" if meta else "")
    return head + ("spec:\n" + textwrap.indent(spec, "  ") + "\n" if spec else "")


def document(config: Mapping[str, Any] | None = None, name: str = "web", **spec: Any) -> dict[str, Any]:
    """A Container document as JSON."""
    return {
        "apiVersion": "stella/v1",
        "kind": "Container",
        "metadata": {"name": name},
        "spec": {
            "release": {"id": "rel-1"},
            "image": "registry.example.com/shop/web",
            "digest": DIGEST,
            **({"config": dict(config)} if config is not None else {}),
            **spec,
        },
    }


def desired(config: Mapping[str, Any] | None = None, name: str = "web", **spec: Any) -> DesiredState:
    """A DesiredState built from JSON."""
    return build(document(config, name, **spec))
