"""The engine's event stream, as hints that something happened to a container.

Decides which events can matter: those after which a container may look different. Health probes run commands
(``exec_*``) every few seconds and are left out at the source. An event carries no truth; whoever gets it looks.

The stream ends without an error when the engine dies; the engine keeps only the last few hundred events. So the
reader reconnects with the time of the last event, and a slow full look makes up for what was missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.interfaces import EngineEvent
from reconciler.engine.connection import Answer, Connection, Request
from reconciler.engine.stream import LineStream
from reconciler.engine.transport import BROKEN

CONTAINER_ACTIONS = (
    "create",
    "destroy",
    "die",
    "health_status",
    "oom",
    "pause",
    "rename",
    "restart",
    "start",
    "stop",
    "unpause",
    "update",
)
NETWORK_ACTIONS = ("connect", "disconnect")
_NOT_LABELS = frozenset({"image", "name", "oldName", "exitCode", "signal", "execID", "comment"})


class EventStream:
    """An open stream; iterate in one thread, ``close`` from any."""

    def __init__(self, lines: LineStream) -> None:
        self._lines = lines
        self._messages = iter(lines)

    def __iter__(self) -> Iterator[EngineEvent]:
        return self

    def __next__(self) -> EngineEvent:
        """Blocks until the next event; StopIteration when the connection or the stream is over."""
        try:
            for message in self._messages:
                event = engine_event(message)
                if event is not None:
                    return event
        except BROKEN:
            raise StopIteration from None
        raise StopIteration

    def close(self) -> None:
        self._lines.close()


def open_events(connection: Connection, *, since_ns: int | None) -> EventStream:
    """Open the stream. ``since_ns`` is the time of the last event seen: what came after it is told first.

    Raises EngineUnavailable.
    """
    doing = "listening to the engine's events"
    params = {
        "filters": json.dumps({"type": ["container", "network"], "event": [*CONTAINER_ACTIONS, *NETWORK_ACTIONS]})
    }
    if since_ns is not None:
        params["since"] = _seconds(since_ns + 1)
    connection.renew()  # the last stream ended, perhaps with its engine
    response = connection.open(doing, Request(method="GET", path="/events", params=params, timeout_s=None))
    if response.status >= 400:
        with response:
            raise Answer(response.status, response.read()).refusal(doing)
    return EventStream(LineStream(response))


def engine_event(message: Mapping[str, Any]) -> EngineEvent | None:
    """What an event of the engine says about a container; None when it concerns none."""
    actor = message.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    action = str(message.get("Action") or "")
    time_ns = int(message.get("timeNano") or 0)
    if message.get("Type") == "network":
        container_id = attributes.get("container") or ""
        known = container_id and action in NETWORK_ACTIONS
        return EngineEvent(container_id, "", f"network-{action}", time_ns, {}) if known else None
    if message.get("Type") != "container" or not action.startswith(CONTAINER_ACTIONS):
        return None
    labels = {key: str(value) for key, value in attributes.items() if key not in _NOT_LABELS}
    return EngineEvent(actor.get("ID") or "", attributes.get("name") or "", action, time_ns, labels)


def _seconds(time_ns: int) -> str:
    """The engine's form of a moment: seconds, a point, nine digits."""
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09d}"
