"""The last step before a lock file is written: it is read as ``validate`` and the controller will read it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.cli.lock_make import Locked
from reconciler.errors import InvalidDocuments
from reconciler.spec.assemble import build_document
from reconciler.spec.build_deliveries import EXAMPLE, secret_names
from reconciler.spec.document import Document, read_documents
from reconciler.spec.lock_file import read_lock
from reconciler.spec.problem import Wrong

PROJECT = "ComposeProject"


def refuse_unreadable(document: str, entries: Mapping[str, Any], locked: Locked) -> None:
    """Raise InvalidDocuments where the ``document`` with this lock file and these files would be refused.
    ``entries`` say by which paths it names them.
    """
    sources = [entries["composeLock"]["source"], *(file["source"] for file in entries["configFiles"] or ())]
    files = (locked.text.encode(), *(file.content for file in locked.files))
    contents = {posixpath.normpath(source): content for source, content in zip(sources, files, strict=True)}

    def read(path: str) -> bytes:
        if path not in contents:
            raise Wrong(f'"{path}" is not one of the files')
        return contents[path]

    documents, problems = read_documents(document.encode(), "the document")
    built = [build_document(_with_secrets(item, locked), None, read) for item in documents if item.kind == PROJECT]
    wrong = [*problems, *(problem for _, found in built for problem in found)]
    if wrong:
        raise InvalidDocuments(tuple(map(str, wrong)))


def _with_secrets(document: Document, locked: Locked) -> Document:
    """With the secrets that the lock file asks of it and that it does not give yet: they may be written later."""
    text, _ = read_lock(locked.text.encode(), str(locked.path))
    asked = text.value.get("secrets", {}) if text else {}
    spec = document.value["spec"]
    given = secret_names(spec["config"])
    lacking = [name for name, value in asked.items() if value.get("external") and name not in given]
    secrets = [*spec["config"].get("secrets", ()), *({"name": name, "encrypted": EXAMPLE} for name in lacking)]
    config = {**spec["config"], **({"secrets": secrets} if secrets else {})}
    return replace(document, value={**document.value, "spec": {**spec, "config": config}})
