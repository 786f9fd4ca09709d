"""Delivery: a file that the reconciler brings into a container, and where it lies on the host. Pure values.

A declared file and an opened secret are delivered alike: as a file of the host, mounted read-only at its place in
the container. Its place on the host is named by its version, which changes if and only if what is delivered does,
so that an older container keeps what it was started with and a rollback finds it again:

    STATE_DIR/files/DOCUMENT/VERSION/NAME          declared files
    SECRETS_DIR/OWNER/DOCUMENT/VERSION/NAME        opened secrets; a file system in memory

A secret's version is of its ciphertext: what is public tells nothing of the value. Nothing here opens anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.canonical import canonical_json
from reconciler.core.container import Mount

DeliveryState = Literal["current", "absent", "altered"]
"""How a delivery is found on the host. ``altered``: there, with other content, mode or owner."""

SECRET_MODE = 0o444
FILE_MODE = 0o644
SHORT = 12
"""How many digits of a version people are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The two folders below which everything is delivered, absolute; ``secrets`` is this installation's own."""

    files: str = ""
    secrets: str = ""


NOWHERE = Places()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One file. ``name``: the secret's name, or a declared file's path in the container. ``target``: where it is
    mounted ("" for a project's secret, whose places its lock file names). Of a secret ``sealed`` is the age
    ciphertext, armored, and ``content`` is empty; of a file it is the other way round. Made by ``delivered_file``
    and ``delivered_secret``, so that the version is true.
    """

    name: str
    version: str
    target: str
    mode: int
    uid: int = 0
    gid: int = 0
    secret: bool = False
    content: bytes = field(default=b"", compare=False, repr=False)
    sealed: str = field(default="", compare=False, repr=False)

    @property
    def short(self) -> str:
        """The version for people."""
        return self.version[:SHORT]

    @property
    def file_name(self) -> str:
        """What the file is called on the host."""
        return self.name if self.secret else self.target.rpartition("/")[2]

    def path(self, places: Places, document: str) -> str:
        """Where it lies on the host."""
        root = places.secrets if self.secret else places.files
        return f"{root}/{document}/{self.version}/{self.file_name}"

    def mount(self, places: Places, document: str) -> Mount:
        """How it comes into a container."""
        return Mount(target=self.target, source=self.path(places, document), type="bind", read_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedVariable:
    """A secret that a document wants as an environment variable, which whoever may inspect the container reads."""

    name: str
    variable: str
    version: str
    sealed: str = field(default="", compare=False, repr=False)

    @property
    def short(self) -> str:
        """The version for people, and for the label that tells which one a container has."""
        return self.version[:SHORT]


@dataclass(frozen=True, slots=True)
class Brought:
    """What a mount of ours brings, as its path on the host tells."""

    secret: bool
    version: str
    file_name: str


def brought(mount: Mount, places: Places, document: str) -> Brought | None:
    """What was delivered for the document and is mounted here; None for any other mount."""
    for root, secret in ((places.files, False), (places.secrets, True)):
        inside = mount.source.removeprefix(f"{root}/{document}/")
        version, _, name = inside.partition("/")
        if root and mount.type == "bind" and inside != mount.source and name:
            return Brought(secret, version, name)
    return None


def secret_paths(deliveries: Iterable[Delivery], places: Places, document: str) -> Mapping[str, str]:
    """Where the secrets of a document lie on the host, by name."""
    return {item.name: item.path(places, document) for item in deliveries if item.secret}


def delivered_file(path: str, content: bytes, *, mode: int = FILE_MODE, uid: int = 0, gid: int = 0) -> Delivery:
    """A declared file."""
    version = _version("file", path, mode, uid, gid, hashlib.sha256(content).hexdigest())
    return Delivery(name=path, version=version, target=path, mode=mode, uid=uid, gid=gid, content=content)


def delivered_secret(
    name: str, sealed: str, target: str, *, mode: int = SECRET_MODE, uid: int = 0, gid: int = 0
) -> Delivery:
    """A secret as a file. ``target`` "" for a project's."""
    version = _version("secret", name, mode, uid, gid, _of_ciphertext(sealed))
    return Delivery(
        name=name, version=version, target=target, mode=mode, uid=uid, gid=gid, secret=True, sealed=sealed
    )


def sealed_variable(name: str, sealed: str, variable: str) -> SealedVariable:
    """A secret as an environment variable."""
    version = _version("variable", name, variable, _of_ciphertext(sealed))
    return SealedVariable(name=name, variable=variable, version=version, sealed=sealed)


def _of_ciphertext(sealed: str) -> str:
    """White space around the lines is no part of an armored text (RFC 7468, section 2)."""
    return hashlib.sha256("\n".join(line.strip() for line in sealed.split()).encode()).hexdigest()


def _version(*parts: str | int) -> str:
    """32 hex digits: half a SHA-256, which is plenty against chance, in a path that people may read."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:32]
