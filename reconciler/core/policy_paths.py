"""Paths of a host, compared as texts: which of them lie below which. Pure; no link is followed here.

A path is normal when it is absolute, without ``.``, ``..``, empty parts and a slash at its end, and when it begins
with ``/run`` rather than ``/var/run``, which is a link to it (Filesystem Hierarchy Standard 3.0, 5.13).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from functools import lru_cache

_LINKS = {"/var/run": "/run", "/var/lock": "/run/lock"}


@lru_cache(maxsize=4096)  # every pass asks about the same few paths
def normal(path: str) -> str:
    """The normal form; a relative path is taken from the root, since no working directory may decide."""
    shortest = posixpath.normpath("/" + path.lstrip("/"))
    for link, place in _LINKS.items():
        if within(shortest, link):
            return place + shortest.removeprefix(link)
    return shortest


def within(path: str, root: str) -> bool:
    """Whether ``path`` is ``root`` or lies below it; both normal."""
    return root in {"/", path} or path.startswith(root + "/")


def exposed(path: str, places: Iterable[str]) -> tuple[str, ...]:
    """Those of ``places`` that come along when ``path`` is mounted: it itself, or what lies below it."""
    return tuple(place for place in places if within(place, path))
