"""Files that come with a document: which a ComposeProject names, and what of them is kept with it. Pure.

Reading is a seam: ``ReadArtifact`` is given the path that a document's file and a source make together, relative
to the folder. What was read goes into the document under ``artifacts``, a key that nobody can write: so the
document builds the same again from history alone.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.deployment import RESERVED_NAMES
from reconciler.core.project import LOCK_NAME, Artifact, artifact
from reconciler.spec.findings import Finding, Findings
from reconciler.spec.problem import Path, Wrong

MAX_TOTAL_BYTES = 1024 * 1024
CONFIG: Path = ("spec", "config")
COMPOSE_DEFAULTS = frozenset(
    f"{stem}{override}.{suffix}"
    for stem in ("compose", "docker-compose")
    for override in ("", ".override")
    for suffix in ("yaml", "yml")
)
"""Files that Compose reads by itself: ``compose.yaml``, ``docker-compose.override.yml`` and the like."""

LOCK_SUFFIXES = (".lock.yml", ".lock.yaml")
"""What files are called as that are lock files."""

ReadArtifact = Callable[[str], bytes]
"""The content of a file, by its path relative to the folder. Raises Wrong when it cannot be had."""


@dataclass(frozen=True, slots=True)
class Named:
    """One file as a document names it, ``path`` in the document."""

    name: str
    source: str
    path: Path
    sha256: str = ""
    size: int | None = None


def no_artifacts(path: str) -> bytes:
    """Reads nothing: where there is no folder."""
    raise Wrong(f'"{path}" cannot be read: files beside the document are not at hand here')


def named_files(document: Mapping[str, Any]) -> tuple[Named, ...]:
    """The lock file, then the config files in their order; () for a document that names none."""
    if document.get("kind") != "ComposeProject":
        return ()
    config: Mapping[str, Any] = document["spec"]["config"]
    files = enumerate(config.get("configFiles", ()))
    lock = _named(config["composeLock"], (*CONFIG, "composeLock"), LOCK_NAME)
    return (lock, *(_named(value, (*CONFIG, "configFiles", index), "") for index, value in files))


def _named(value: str | Mapping[str, Any], path: Path, name: str) -> Named:
    if isinstance(value, str):
        return Named(name or posixpath.basename(value), value, path)
    own = value.get("name") or posixpath.basename(value["source"])
    return Named(name or own, value["source"], path, value["sha256"], value.get("size"))


def beside(file: str, source: str) -> str:
    """The path of a source relative to the folder. Raises Wrong when it leads out of the document's own folder."""
    path = posixpath.normpath(source)
    if source.startswith("/") or path == ".." or path.startswith("../") or ".." in source.split("/"):
        raise Wrong(f'"{source}" leads out of the document\'s folder; put the file beside the document, or below')
    return posixpath.join(posixpath.dirname(file), path)


def artifact_paths(document: Mapping[str, Any], file: str) -> tuple[str, ...]:
    """The paths of all files that a document names, as far as they stay inside."""
    return tuple(_inside(document, file))


def _inside(document: Mapping[str, Any], file: str) -> Iterator[str]:
    for named in named_files(document):
        try:
            yield beside(file, named.source)
        except Wrong:
            continue  # told where the document is built


def attached(
    document: Mapping[str, Any], file: str, read: ReadArtifact
) -> tuple[Mapping[str, Any], tuple[Finding, ...]]:
    """The document with the contents of its files, or what is wrong with them."""
    files = named_files(document)
    if not files:
        return document, ()
    findings = Findings()
    _check_names(files, findings)
    found = [
        (named, findings.read_value(named, named.path, lambda item: _content(item, file, read))) for named in files
    ]
    if sum(len(content or b"") for _, content in found) > MAX_TOTAL_BYTES:
        message = f"the files of one document may have {MAX_TOTAL_BYTES // 1024} KiB together"
        findings.note((*CONFIG, "configFiles"), message)
    if findings.items:
        return document, tuple(findings.items)
    kept = [_kept(named, content) for named, content in found if content is not None]
    return {**document, "artifacts": kept}, ()


def _content(named: Named, file: str, read: ReadArtifact) -> bytes:
    path = beside(file, named.source)
    content = read(path)
    if len(content) > MAX_TOTAL_BYTES:
        raise Wrong(f'"{path}" is larger than {MAX_TOTAL_BYTES // 1024} KiB')
    check_content(named, content, path=path)
    return content


def check_content(named: Named, content: bytes, *, path: str) -> None:
    """Raises Wrong when it is not what the document says."""
    again = 'run "reconciler lock" with --document to take it as it is now, or restore the file'
    if named.size is not None and len(content) != named.size:
        raise Wrong(f'"{path}" has {len(content)} bytes, not {named.size}; {again}')
    digest = hashlib.sha256(content).hexdigest()
    if named.sha256 and digest != named.sha256:
        raise Wrong(f'"{path}" has the digest {digest[:12]}, not {named.sha256[:12]}; {again}')


def _check_names(files: Sequence[Named], findings: Findings) -> None:
    configs = files[1:]
    findings.refuse_twins((item.name for item in configs), (*CONFIG, "configFiles"), "the file")
    for item in configs:
        if is_reserved(item.name):
            findings.note(item.path, f'"{item.name}" is a reserved name; give the file another with "name"')
        elif not is_flat(item.name):
            allowed = "letters, digits, dots, hyphens and underscores, a letter or digit first"
            findings.note(item.path, f'"{item.name}" is no flat name; give it one with "name"; allowed: {allowed}')


def is_flat(name: str) -> bool:
    """Whether a name is one that files have on the host."""
    plain = name.replace(".", "").replace("_", "").replace("-", "")
    return name[:1].isalnum() and name.isascii() and plain.isalnum() and len(name) <= 128


def is_reserved(name: str) -> bool:
    """Whether a name is ours on the host, or one that Compose reads by itself."""
    return name.lower() in RESERVED_NAMES or name.lower() in COMPOSE_DEFAULTS


def _kept(named: Named, content: bytes) -> dict[str, str]:
    head = {"name": named.name, "source": named.source}
    try:
        return {**head, "text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {**head, "base64": base64.b64encode(content).decode("ascii")}


def kept_artifacts(document: Mapping[str, Any]) -> tuple[Artifact, ...]:
    """The files that were kept with a document, the lock file first."""
    return tuple(
        artifact(item["name"], _bytes(item), source=item["source"]) for item in document.get("artifacts", ())
    )


def _bytes(item: Mapping[str, str]) -> bytes:
    return item["text"].encode() if "text" in item else base64.b64decode(item["base64"])
