"""Which manifests of an index an engine may take, where the index itself is signed by nobody. Pure.

Whoever can push can write such an index, so it is read as an engine might at worst: what is spelt another way, or
could be read in two ways, must not let an unsigned manifest in beside a signed one.

Sources: ``Only`` and ``Normalize`` in github.com/containerd/platforms; ``Unmarshal`` in Go's encoding/json, which
takes keys in any case, and merges what is given twice; CVE-2021-41190 for an index that also is a manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SPELLINGS: Final = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm",
    "armel": "arm",
}
_RUNS_TOO: Final = {"amd64": ("386",), "arm64": ("arm",)}
_PLAIN: Final = {"arm64": ("", "v8"), "amd64": ("", "v1"), "arm": ()}
"""The variants that every engine for this processor takes; "" alone where nothing is said here."""

_KEYS: Final = ("manifests", "digest", "platform", "os", "architecture", "variant")
_OF_A_MANIFEST: Final = frozenset({"config", "layers", "fslayers", "history"})
_Entry = tuple[str, str, str, str]


class _Ambiguous(ValueError):
    """Engines may read it in another way than we do."""


def digests_for(index: bytes, *, os: str, architecture: str) -> tuple[str, ...]:
    """The digests of an index that an engine of this platform may take: all of its system and processor, whatever
    their variant and spelling; and unless one of these fits every such processor, also those of processors whose
    programs it runs, and those that do not say what they are for. () where it is no index, has none, or cannot be
    read in one way alone.
    """
    try:
        found = json.loads(index, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        return ()
    manifests = found.get("manifests") if isinstance(found, Mapping) else None
    if not isinstance(manifests, list) or {key.casefold() for key in found} & _OF_A_MANIFEST:
        return ()
    digests = tuple(dict.fromkeys(item[0] for item in _taken(list(map(_entry, manifests)), os, architecture)))
    return digests if all(map(_DIGEST.fullmatch, digests)) else ()


def _taken(entries: Sequence[_Entry], os: str, architecture: str) -> list[_Entry]:
    """An unsaid system is the engine's own."""
    here = [item for item in entries if item[1] in {"", os}]
    exact = [item for item in here if item[2] == architecture]
    if any(item[3] in _PLAIN.get(architecture, ("",)) for item in exact):
        return exact
    others = {"", *_RUNS_TOO.get(architecture, ())}
    return [*exact, *(item for item in here if item[2] in others)]


def _entry(value: Any) -> _Entry:
    """Digest, system, processor and variant, in the spelling that engines reduce them to."""
    told = value if isinstance(value, Mapping) else {}
    platform = told.get("platform")
    said = platform if isinstance(platform, Mapping) else {}
    os, architecture, variant = (str(said.get(key) or "").lower() for key in ("os", "architecture", "variant"))
    return str(told.get("digest")), os, _SPELLINGS.get(architecture, architecture), variant


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without keys that differ in their case alone, or that mean ours but are spelt otherwise."""
    folded = [key.casefold() for key, _ in pairs]
    if len(set(folded)) != len(folded) or any(
        key in _KEYS and key != written for key, (written, _) in zip(folded, pairs, strict=True)
    ):
        raise _Ambiguous
    return dict(pairs)
