"""Image references as authors write them: taken apart into repository, tag and digest. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reconciler.spec.notation import digest as read_digest
from reconciler.spec.problem import Wrong

DEFAULT_TAG: Final = "latest"
_REPOSITORY: Final = re.compile(r"[a-zA-Z0-9\[][a-zA-Z0-9._:/\[\]-]*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Reference:
    """``written`` is what stands in the Compose file. ``digest`` is "" where ``tag`` decides."""

    written: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def moves(self) -> bool:
        """Whether the registry has to be asked what it stands for."""
        return not self.digest


def read_reference(written: str) -> Reference:
    """Take a reference apart; without tag and digest it means ``latest``. Raises Wrong."""
    bare, at, digest = written.partition("@")
    if at:
        read_digest(digest)
    folder, slash, last = bare.rpartition("/")
    name, colon, tag = last.partition(":")
    if not name or not _REPOSITORY.fullmatch(folder + slash + name):
        raise Wrong(f'"{written}" is not the name of an image')
    if colon and not _TAG.fullmatch(tag):
        raise Wrong(f'"{written}" has no proper tag')
    return Reference(written, folder + slash + name, tag or ("" if at else DEFAULT_TAG), digest)
