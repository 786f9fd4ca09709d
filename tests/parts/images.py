"""Small real images without a hub: a static busybox, assembled here and pushed to a registry over its HTTP API.

The bytes of an image depend only on its recipe and on the machine's busybox, so digests are the same in every run.
No engine takes part: images are absent from engines until somebody pulls them, an index can name platforms which
this machine is not, and a wrong manifest is as easy to publish as a right one.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.client
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts.host import PartFailed, program, run

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made of. ``config`` has the engine's own keys (``Cmd``, ``Env``, ``Healthcheck``, ...);
    ``files`` (path -> text, executable) lie above a busybox with a link for every tool, and above further
    ``layers`` (gzipped tar files).
    """

    config: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[bytes, ...] = ()
    architecture: str = ""
    """Empty: this machine's. Anything else makes an image for another platform."""


@dataclass(frozen=True, slots=True)
class PublishedImage:
    """An image in a registry. ``digest`` is the manifest's or the index's, ``image_id`` the config's digest (empty
    for an index).
    """

    repository: str
    tag: str
    digest: str
    image_id: str

    @property
    def reference(self) -> str:
        """``repository@digest``, for a pull that can't be spoofed."""
        return f"{self.repository}@{self.digest}"

    @property
    def tagged(self) -> str:
        """``repository:tag``, as people write it."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Assembled:
    """An image as bytes: what a registry stores."""

    manifest: bytes
    config: bytes
    layers: tuple[bytes, ...]

    @property
    def platform(self) -> dict[str, str]:
        """The platform entry for an index."""
        config = json.loads(self.config)
        return {"architecture": config["architecture"], "os": config["os"]}


def assemble(recipe: Recipe) -> Assembled:
    """Make the bytes. Raises PartFailed when there is no static busybox."""
    layers = [_busybox_layer(), *recipe.layers]
    if recipe.files:
        layers.append(_layer({path: text.encode() for path, text in recipe.files.items()}, {}))
    config = _json(
        {
            "architecture": recipe.architecture or machine_architecture(),
            "os": "linux",
            "config": dict(recipe.config),
            "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer)) for layer in layers]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": _CONFIG, "size": len(config), "digest": _digest(config)},
            "layers": [{"mediaType": _LAYER, "size": len(one), "digest": _digest(one)} for one in layers],
        }
    )
    return Assembled(manifest, config, tuple(layers))


def publish(address: str, repository: str, tag: str, recipe: Recipe) -> PublishedImage:
    """Push an image to the registry at ``address``; ``repository`` is without the host (``web``)."""
    image = assemble(recipe)
    with _Upload(address, repository) as upload:
        for blob in (*image.layers, image.config):
            upload.blob(blob)
        digest = upload.manifest(image.manifest, tag, MANIFEST)
    return PublishedImage(f"{address}/{repository}", tag, digest, _digest(image.config))


def publish_index(address: str, repository: str, tag: str, recipes: Sequence[Recipe]) -> PublishedImage:
    """Push a multi-platform image: each recipe's image under its digest, the index under the tag."""
    images = [assemble(recipe) for recipe in recipes]
    entries = [
        {
            "mediaType": MANIFEST,
            "size": len(image.manifest),
            "digest": _digest(image.manifest),
            "platform": image.platform,
        }
        for image in images
    ]
    index = _json({"schemaVersion": 2, "mediaType": MANIFEST_LIST, "manifests": entries})
    with _Upload(address, repository) as upload:
        for image in images:
            for blob in (*image.layers, image.config):
                upload.blob(blob)
            upload.manifest(image.manifest, _digest(image.manifest), MANIFEST)
        digest = upload.manifest(index, tag, MANIFEST_LIST)
    return PublishedImage(f"{address}/{repository}", tag, digest, "")


def machine_architecture() -> str:
    """This machine's architecture in the engine's words (``amd64``)."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


class _Upload:
    """One keep-alive connection that pushes into one repository."""

    def __init__(self, address: str, repository: str) -> None:
        self._base = f"/v2/{repository}"
        self._connection = http.client.HTTPConnection(address, timeout=30)

    def __enter__(self) -> _Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def blob(self, content: bytes) -> None:
        digest = _digest(content)
        if self._ask("HEAD", f"{self._base}/blobs/{digest}", expected=(200, 404)).status == http.HTTPStatus.OK:
            return
        place = self._ask("POST", f"{self._base}/blobs/uploads/", expected=(202,)).headers["Location"]
        joint = "&" if "?" in place else "?"
        kind = {"Content-Type": "application/octet-stream"}
        self._ask("PUT", f"{place}{joint}digest={digest}", content, headers=kind, expected=(201,))

    def manifest(self, content: bytes, reference: str, kind: str) -> str:
        self._ask(
            "PUT", f"{self._base}/manifests/{reference}", content, headers={"Content-Type": kind}, expected=(201,)
        )
        return _digest(content)

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        expected: Sequence[int],
    ) -> http.client.HTTPResponse:
        self._connection.request(method, url, body=body, headers=dict(headers or {}))
        response = self._connection.getresponse()
        text = response.read()
        if response.status not in expected:
            raise PartFailed(f"registry answered {response.status} to {method} {url}: {text[:300]!r}")
        return response


@functools.cache
def _busybox_layer() -> bytes:
    """Busybox and a link per tool, packed once in a process (about 60 ms)."""
    binary = program("busybox", package="busybox-static")
    # a link named busybox would replace the program with a link to itself
    names = [name for name in run(binary, "--list").split() if name != "busybox"]
    content = Path(binary).read_bytes()
    if b"/ld-linux" in content[:4096]:
        raise PartFailed(f"{binary} needs libraries, which an image lacks: install the package busybox-static")
    files = {
        "bin/busybox": content,
        "etc/passwd": b"root:x:0:0:root:/:/bin/sh\nweb:x:1000:1000:web:/:/bin/sh\n",
        "etc/group": b"root:x:0:\nweb:x:1000:\n",
    }
    return _layer(files, {f"bin/{name}": "busybox" for name in names})


def _layer(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    """A gzipped tar whose bytes depend on nothing but its content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for path, goal in sorted(links.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, goal, 0o777
            tar.addfile(entry)
        entry = tarfile.TarInfo("tmp")
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(entry)
    return gzip.compress(packed.getvalue(), compresslevel=1, mtime=0)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
