"""The ComposeProject document that belongs to a lock file: written into, or begun.

Only what follows from the lock file is set: ``composeLock``, ``configFiles``, ``expectedDigests``. The text around
it stays to the byte.
"""

from __future__ import annotations

import hashlib
import os.path
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.cli.lock_make import Locked
from reconciler.core.project import LOCK_NAME
from reconciler.errors import InputError, InvalidDocuments
from reconciler.spec.edit import rendered, set_values
from reconciler.spec.explain import name_of
from reconciler.spec.yaml_tree import read_trees

KIND: Final = "ComposeProject"
CONFIG: Final = ("spec", "config")
RELEASE: Final = ("spec", "release", "id")
_HEAD: Final = """\
apiVersion: stella/v1
kind: ComposeProject
metadata: {{name: {name}}}
spec:
  release: {{id: rel-1}} # the name of this release; another one for each that follows
  config:
    projectName: {project}
    composeLock: {{}}
    {files}expectedDigests: {{}}
"""
_UNFIT: Final = re.compile(r"[^a-z0-9-]+")


def updated(text: str, file: str, entries: Mapping[str, Any], *, release: str = "") -> str:
    """The text of a document's file with these values below ``spec.config``; None takes a key out.

    ``release`` is the id of the new release; "" leaves the one that is there.
    """
    values: dict[tuple[str, ...], Any] = {(*CONFIG, key): value for key, value in entries.items()}
    return set_values(text, _name(text, file), values | ({RELEASE: release} if release else {}))


def begun(document: Path, locked: Locked, entries: Mapping[str, Any], *, release: str = "") -> str:
    """A whole document to start from, for the file ``document``."""
    name = _UNFIT.sub("-", document.stem.lower()).strip("-")[:63] or locked.project
    files = "configFiles: []\n    " if locked.files else ""
    text = _HEAD.format(name=rendered(name), project=rendered(locked.project or name), files=files)
    given = {key: value for key, value in entries.items() if value is not None}
    return updated(text, str(document), given, release=release)


def entries_for(document: Path, locked: Locked) -> Mapping[str, Any]:
    """What is to stand below ``spec.config`` of a document in the file ``document``. Raises InvalidDocuments for
    files that it cannot reach.
    """
    content = locked.text.encode()
    lock = {"source": _source(document, locked.path), **_facts(content)}
    files = [
        {"name": file.name, "source": _source(document, file.path), **_facts(file.content)}
        for file in locked.files
    ]
    out_of_reach = [item for item in (lock, *files) if str(item["source"]).startswith("../")]
    if out_of_reach:
        raise InvalidDocuments(
            tuple(
                f"{item['source']} is out of reach of {document}: files come from the document's own folder and "
                "below; move the file there, or the document up"
                for item in out_of_reach
            )
        )
    return _entries(locked, lock, files)


def entries_by_name(locked: Locked) -> Mapping[str, Any]:
    """The same where no document is known: every file by its flat name, as if they all lay side by side."""
    lock = {"source": LOCK_NAME, **_facts(locked.text.encode())}
    files = [{"name": file.name, "source": file.name, **_facts(file.content)} for file in locked.files]
    return _entries(locked, lock, files)


def _entries(locked: Locked, lock: Mapping[str, Any], files: list[dict[str, Any]]) -> Mapping[str, Any]:
    digests = dict(sorted(locked.digests.items()))
    return {"composeLock": lock, "configFiles": files or None, "expectedDigests": digests}


def _facts(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _name(text: str, file: str) -> str:
    trees, problems = read_trees(text.removeprefix("\ufeff").encode(), file)
    if problems:
        raise InvalidDocuments(tuple(map(str, problems)))
    roots = [tree.root.value for tree in trees if isinstance(tree.root.value, dict)]
    names = [name_of(root) for root in roots if root.get("kind") == KIND]
    if len(names) != 1:
        raise InputError(
            f"{file} has {len(names)} {KIND} documents", hint="lock writes into a file that has exactly one"
        )
    return names[0]


def _source(document: Path, path: Path) -> str:
    return os.path.relpath(os.path.abspath(path), os.path.dirname(os.path.abspath(document)))  # noqa: PTH100, PTH120
