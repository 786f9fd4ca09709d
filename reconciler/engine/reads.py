"""What can be asked of the engine: each method is one question and changes nothing.

Leaves JSON to ``translate_*`` and transport to ``connection``. "Gone" is an answer (None, an empty tuple), not
an error.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from reconciler.core.observation import ContainerDetail, ContainerRow, EngineFacts, ImageFacts
from reconciler.engine.connection import Answer, Connection, Request, route
from reconciler.engine.events import EventStream, open_events
from reconciler.engine.logs import last_lines
from reconciler.engine.translate_inspect import container_detail, shares_host_name
from reconciler.engine.translate_list import container_row, engine_facts, image_facts
from reconciler.errors import NotFound

_UNREADABLE_LOG = re.compile(r"does not support reading", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Host:
    """What requests of other kinds need to know, kept as long as the engine is the same."""

    epoch: int
    facts: EngineFacts
    name: str


class EngineReads:
    """The reading half of ``core.interfaces.Engine``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._host: _Host | None = None

    def facts(self) -> EngineFacts:
        return self._ask_host().facts

    def known_facts(self) -> EngineFacts:
        return self._known_host().facts

    def list_containers(self, *, label: tuple[str, str] | None = None) -> tuple[ContainerRow, ...]:
        doing = "listing containers"
        filters = {} if label is None else {"filters": json.dumps({"label": ["=".join(label)]})}
        answer = self._connection.get(doing, "/containers/json", {"all": "1", **filters})
        return tuple(container_row(item) for item in answer.must(doing).json)

    def inspect_container(self, container_id: str) -> ContainerDetail | None:
        told = self._container(container_id)
        if told is None:
            return None
        return container_detail(told, host_name=self._known_host().name if shares_host_name(told) else "")

    def inspect_image(self, reference: str) -> ImageFacts | None:
        told = self._look(f"inspecting image {reference}", route("/images/{}/json", reference))
        return None if told is None else image_facts(told)

    def list_networks(self) -> frozenset[str]:
        doing = "listing networks"
        return frozenset(item["Name"] for item in self._connection.get(doing, "/networks").must(doing).json)

    def logs(self, container_id: str, *, lines: int) -> tuple[str, ...]:
        told = self._container(container_id)
        if told is None:
            return ()
        doing = f"reading the log of container {container_id[:12]}"
        request = Request(
            method="GET",
            path=route("/containers/{}/logs", container_id),
            params={"stdout": "1", "stderr": "1", "tail": str(lines)},
            headers={"Accept-Encoding": "identity"},
        )
        with self._connection.streaming(doing, request) as response:
            if response.status < 400:
                return last_lines(response.read, tty=bool(told["Config"].get("Tty")), lines=lines)
            answer = Answer(response.status, response.read())
        if isinstance(answer.refusal(doing), NotFound) or _UNREADABLE_LOG.search(answer.message):
            return ()
        raise answer.refusal(doing)

    def events(self, *, since_ns: int | None) -> EventStream:
        return open_events(self._connection, since_ns=since_ns)

    def _container(self, container_id: str) -> dict[str, Any] | None:
        """Inspect's JSON; None when the container is gone."""
        return self._look(f"inspecting container {container_id[:12]}", route("/containers/{}/json", container_id))

    def _look(self, doing: str, path: str) -> dict[str, Any] | None:
        answer = self._connection.get(doing, path)
        if not answer.accepted and isinstance(answer.refusal(doing), NotFound):
            return None
        told: dict[str, Any] = answer.must(doing).json
        return told

    def _known_host(self) -> _Host:
        known = self._host
        return known if known is not None and known.epoch == self._connection.epoch else self._ask_host()

    def _ask_host(self) -> _Host:
        doing = "asking the engine about itself"
        version = self._connection.get(doing, "/version").must(doing).json
        info = self._connection.get(doing, "/info").must(doing).json
        facts = engine_facts(version, info, api_version=self._connection.api_version)
        self._host = _Host(self._connection.epoch, facts, info.get("Name") or "")
        return self._host
