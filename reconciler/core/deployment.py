"""Deployment: which files a project's revision has on the host, and what they say. Pure.

    DIRECTORY/
      current -> revisions/FINGERPRINT      switched atomically
      revisions/FINGERPRINT/
        compose.stella.lock.yml             the lock file, byte for byte as it was verified
        compose.stella.host.yml             what this host adds: labels of ownership, places of the artifacts,
                                            and of the secrets that the document gives
        manifest.json                       SHA-256 of every file of the revision
      files/SHA256/NAME                     artifacts, by content: never changed, shared by revisions

Compose is given the lock file and the host file, both by their absolute path in ``revisions``. An artifact's path
changes if and only if its content does, so that an older revision's containers keep what they were started with.
Compose sees the source of a bind mount as part of its service, but neither that of a config nor of a secret
(measured with 2.26.1: its hash is of the service alone); so a service that has some carries a label with their
digest; of a secret that the document gives, with its place, which has its version. Hence Compose recreates just
the services whose files changed.

Compose recreates whatever depends on a service that it recreates, also where it starts nothing (measured with
2.26.1). Services are started by us, in the order of their needs; so the host file takes ``depends_on`` out of what
Compose sees, by the tag ``!reset`` (Compose file reference, "Merge"): it recreates what changed and no more. By
the same tag it takes the word ``external`` from the secrets whose files it names (measured with 2.26.1: without
that Compose looks for no file, and refuses).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reconciler.core import names
from reconciler.core.project import LOCK_NAME, Project, Service

HOST_NAME = "compose.stella.host.yml"
MANIFEST_NAME = "manifest.json"
LOCK_FILE = ".lock"
"""In the deployment directory: held by whoever runs Compose there."""
RESERVED_NAMES = frozenset({LOCK_NAME, HOST_NAME, MANIFEST_NAME, ".env", "current", "revisions", "files"})
"""Names that no artifact may have, besides those that Compose reads by itself."""

_NO_NEEDS: Mapping[str, Any] = {"depends_on": {}}
_NOT_EXTERNAL: Mapping[str, Any] = {"external": {}}
_NONE: Mapping[str, str] = {}


def revision_files(
    project: Project, *, fingerprint: str, document: str, owner: str, secrets: Mapping[str, str] = _NONE
) -> Mapping[str, bytes]:
    """Content by path relative to the deployment directory, in the order in which they are to be written: the
    manifest last, since it says that all else is there. ``secrets``: where those of the document lie, by name.
    """
    folder = f"revisions/{fingerprint}"
    files = {f"files/{item.sha256}/{item.name}": item.content for item in project.files}
    digests = {f"files/{item.sha256}/{item.name}": item.sha256 for item in project.files}
    host = host_text(host_model(project, document=document, owner=owner, secrets=secrets))
    return {
        **files,
        f"{folder}/{LOCK_NAME}": project.lock.content,
        f"{folder}/{HOST_NAME}": host,
        f"{folder}/{MANIFEST_NAME}": _json({"lock": project.lock.sha256, "files": sorted(digests)}),
    }


def revision_paths(project: Project, fingerprint: str) -> tuple[str, ...]:
    """The paths of ``revision_files``."""
    artifacts = (f"files/{item.sha256}/{item.name}" for item in project.files)
    return (*artifacts, *folder_paths(fingerprint))


def folder_paths(fingerprint: str) -> tuple[str, ...]:
    """The paths of ``revision_files`` in the revision's own folder."""
    return tuple(f"revisions/{fingerprint}/{name}" for name in (LOCK_NAME, HOST_NAME, MANIFEST_NAME))


def compose_files(project: Project, fingerprint: str) -> tuple[str, str]:
    """Absolute paths of the files that Compose is given, in their order."""
    folder = project.revision_directory(fingerprint)
    return f"{folder}/{LOCK_NAME}", f"{folder}/{HOST_NAME}"


def host_model(
    project: Project, *, document: str, owner: str, secrets: Mapping[str, str] = _NONE
) -> Mapping[str, Any]:
    """The Compose model that is laid over the lock file. It depends on nothing that differs between two revisions
    of an unchanged service, else Compose would recreate it.
    """
    own = {names.DOCUMENT: document, names.OWNER: owner}
    by_name = {item.name: project.artifact_path(item) for item in project.files}
    digests = {item.name: item.sha256 for item in project.files}
    model: dict[str, Any] = {
        "services": {
            service.name: _host_service(service, by_name, {**own, **_files_label(service, digests, secrets)})
            for service in project.services
        }
    }
    for kind in ("config", "secret"):
        sources: dict[str, Any] = {
            item.key: {"file": by_name[item.artifact]}
            for service in project.services
            for item in service.files
            if item.kind == kind and item.artifact
        }
        if kind == "secret":
            sources |= {name: {**_NOT_EXTERNAL, "file": secrets[name]} for name in project.secrets}
        if sources:
            model[f"{kind}s"] = dict(sorted(sources.items()))
    return model


def _host_service(service: Service, by_name: Mapping[str, str], labels: Mapping[str, str]) -> Mapping[str, Any]:
    binds = [
        {
            "type": "bind",
            "source": by_name[item.artifact],
            "target": item.target,
            "read_only": item.read_only,
            "bind": {"create_host_path": False},
        }
        for item in service.files
        if item.kind == "bind"
    ]
    needs = _NO_NEEDS if service.needs else {}
    return {"labels": dict(labels), **({"volumes": binds} if binds else {}), **needs}


def host_text(model: Mapping[str, Any]) -> bytes:
    """The host file: JSON, but for the tag. No text of a document is taken for a key: its quotes are escaped; and
    what has the name of a document's thing (a secret called "external") is never empty. A ``$`` is doubled, so
    that Compose takes it for itself and not for the beginning of a variable.
    """
    text = _json(model).replace(b"$", b"$$")
    for key in (b'"depends_on"', b'"external"'):
        text = text.replace(key + b": {}", key + b": !reset {}")
    return text


def _files_label(service: Service, digests: Mapping[str, str], secrets: Mapping[str, str]) -> Mapping[str, str]:
    """What Compose does not see of a service: the content of its configs and secrets. Of what was encrypted the
    place stands for it: a digest of the content would let people try what they guess.
    """
    unseen = sorted(
        f"{item.kind} {item.key} {digests[item.artifact] if item.artifact else secrets[item.key]}"
        for item in service.files
        if item.key
    )
    return {names.FILES: hashlib.sha256("\n".join(unseen).encode()).hexdigest()} if unseen else {}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
