"""Routes: which pages a site has. Each is made from what its address says, in a thread, and knows no sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.web.layout import Layout

Answer = tuple[int, str]
"""The status of HTTP, and the page."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address says: the ``named`` parts of its path, and its query. Nothing of it is ours to trust."""

    named: Mapping[str, str]
    query: Mapping[str, str]


Make: TypeAlias = Callable[[Layout, Asked], Answer]
Routes: TypeAlias = Mapping[str, Make]
"""By the pattern of the path, as aiohttp writes it."""
