"""A real HAProxy in an image, without a hub: Debian's program with the libraries that it needs."""

from __future__ import annotations

import functools
from pathlib import Path

from tests.parts.host import PartFailed
from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.packing import packed, with_libraries

_PROGRAM = Path("/usr/sbin/haproxy")


def publish_haproxy(address: str) -> PublishedImage:
    """Push it to the registry at ``address``. Raises PartFailed where Debian's package is missing."""
    if not _PROGRAM.exists():
        raise PartFailed("HAProxy is not installed: run `tools/setup` as root, or `apt-get install haproxy`")
    return publish(address, "haproxy", "v1", Recipe(config={"Env": ["PATH=/usr/sbin:/bin"]}, layers=(_layer(),)))


@functools.cache
def _layer() -> bytes:
    return packed(with_libraries(_PROGRAM))
