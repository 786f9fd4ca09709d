"""Where in the orchestrator's API an agent asks for what: by the table that describes the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.protocol.routes import JOINING, SPEAKING

_PATHS: Final[Mapping[str, str]] = {route.name: route.path for route in (*JOINING, *SPEAKING)}
_BY_MESSAGE: Final[Mapping[str, str]] = {route.body: route.path for route in SPEAKING if route.body}
ROOTS: Final = _PATHS["roots"]
ENROLL: Final = _PATHS["enroll"]


def renew(agent: str) -> str:
    """For a new certificate."""
    return _PATHS["renew"].format(id=agent)


def stream(agent: str) -> str:
    """For the WebSocket."""
    return _PATHS["stream"].format(id=agent)


def message(agent: str, kind: str) -> str:
    """For one message of this kind, over HTTP."""
    return _BY_MESSAGE[kind].format(id=agent)


def artifact(agent: str, digest: str) -> str:
    """For a file by its digest."""
    return _PATHS["fetch-artifact"].format(id=agent, digest=digest)
