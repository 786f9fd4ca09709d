"""Lock files and ComposeProject documents for tests."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from reconciler.core.desired import DesiredState
from reconciler.core.project import Project, Service
from reconciler.spec.assemble import Examined, examine
from reconciler.spec.problem import Wrong
from tests.spec.texts import DIGEST

OTHER = "sha256:" + "3c" * 32
WEB = f"registry.example.com/shop/web@{DIGEST}"
LOCK_PATH = "shop/compose.stella.lock.yml"


def lock(web: str = "", *, rest: str = "", services: str = "") -> str:
    """A lock file of the service web; ``web`` are further keys of it, ``services`` further services, ``rest``
    further sections.
    """
    parts = [f"services:\n  web:\n    image: {WEB}\n"]
    parts += [textwrap.indent(textwrap.dedent(web).strip("\n"), "    ") + "\n"] if web else []
    parts += [textwrap.indent(textwrap.dedent(services).strip("\n"), "  ") + "\n"] if services else []
    return "".join(parts) + textwrap.dedent(rest)


def project(
    name: str = "shop", *, config: str = "", spec: str = "", digests: str = "", source: str = LOCK_PATH
) -> str:
    """A ComposeProject document of the service web."""
    lines = [
        "apiVersion: stella/v1",
        "kind: ComposeProject",
        f"metadata: {{name: {name}}}",
        "spec:",
        "  release: {id: rel-1, name: Shop 1}",
        "  config:",
        f"    composeLock: {source}",
        f"    expectedDigests: {{{digests or f'web: {DIGEST}'}}}",
    ]
    lines += [textwrap.indent(config, "    ")] if config else []
    lines += [textwrap.indent(spec, "  ")] if spec else []
    return "\n".join(lines) + "\n"


class Beside:
    """Files beside the documents; reads as the folder does."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = files

    def __call__(self, path: str) -> bytes:
        if path not in self.files:
            raise Wrong(f'"{path}" cannot be read: No such file or directory')
        content = self.files[path]
        return content.encode() if isinstance(content, str) else content


def examined(text: str, files: Mapping[str, str | bytes]) -> Examined:
    """One file of documents with the files beside it."""
    return examine({"shop.yaml": text.encode()}, read=Beside(files))


def shop(
    lock_text: str, *, digests: str = "", config: str = "", files: Mapping[str, str | bytes] | None = None
) -> DesiredState:
    """The DesiredState of one lock file that is right."""
    found = examined(project(digests=digests, config=config), {LOCK_PATH: lock_text, **(files or {})})
    assert not found.problems, [str(problem) for problem in found.problems]
    return found.documents[0]


def the_project(desired: DesiredState) -> Project:
    """Its project."""
    assert desired.project is not None
    return desired.project


def web(keys: str = "", *, rest: str = "") -> Service:
    """The service web with these keys."""
    found = the_project(shop(lock(keys, rest=rest))).service("web")
    assert found is not None
    return found


def told(keys: str = "", *, rest: str = "", services: str = "", config: str = "", digests: str = "") -> list[str]:
    """What is said about a lock file."""
    text = lock(keys, rest=rest, services=services)
    found = examined(project(config=config, digests=digests), {LOCK_PATH: text, "nginx.conf": "x"})
    return [str(problem) for problem in found.problems]
